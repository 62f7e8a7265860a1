// Buffers: device memory chosen by intent.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "host/bytes.hpp"
#include "host/placement.hpp"

namespace tuff::host {

struct BufferCore;  // private

// Every buffer can be read this far past its size: lanes that are switched off still load on some devices,
// and a loop may fetch one step ahead. What is there is undefined.
inline constexpr std::uint64_t kTailBytes = 16384;

// Every buffer's device address is a multiple of this.
inline constexpr std::uint64_t kAddressAlignment = 256;

// What a buffer of `bytes` bytes takes of device memory.
constexpr std::uint64_t allocated_bytes(std::uint64_t bytes) {
    const std::uint64_t whole = plus_saturating(bytes, kTailBytes + kAddressAlignment - 1);
    return whole / kAddressAlignment * kAddressAlignment;
}

struct Placed {
    std::uint32_t type = 0;  // indices into the snapshot
    std::uint32_t heap = 0;
    MemoryType properties;
    std::string_view wish;  // what the choice fulfils, in words
    bool slow = false;
};

// Move-only owner of device memory, or of a part of it; freed with its last owner. No submitted work may use
// it by then. Keeps the device alive.
class Buffer {
  public:
    Buffer();  // empty: size 0, no address
    explicit Buffer(std::shared_ptr<BufferCore> core);
    Buffer(Buffer&&) noexcept;
    Buffer& operator=(Buffer&&) noexcept;
    ~Buffer();

    explicit operator bool() const { return core_ != nullptr; }
    [[nodiscard]] std::uint64_t size() const;     // bytes asked for, without the tail
    [[nodiscard]] std::uint64_t address() const;  // for push constants
    // size() bytes where the host sees the memory, otherwise empty. Reading memory that is not host-cached is
    // very slow; use readback(). Memory that is not coherent needs upload()/readback() instead of this.
    [[nodiscard]] std::span<std::byte> mapped() const;
    // Whether what the host writes to mapped() needs nothing more: it is there, and coherent.
    [[nodiscard]] bool in_place() const;
    [[nodiscard]] Intent intent() const;
    [[nodiscard]] const Placed& where() const;
    [[nodiscard]] std::string_view label() const;

    // [offset, offset + bytes) of this buffer as a buffer of its own, whose tail is whatever follows. offset
    // is a multiple of kAddressAlignment. usage: it does not lie within this one.
    [[nodiscard]] Result<Buffer> part(std::uint64_t offset, std::uint64_t bytes) const;

    [[nodiscard]] BufferCore* core() const { return core_.get(); }
    [[nodiscard]] std::uint64_t core_offset() const { return offset_; }  // of this part in the whole

  private:
    std::shared_ptr<BufferCore> core_;
    std::uint64_t offset_ = 0, size_ = 0;
};

// What one heap has left, now.
struct HeapUse {
    std::uint64_t budget_bytes = 0;  // for this process, what it uses included
    std::uint64_t usage_bytes = 0;
    std::uint64_t free_bytes = 0;
    std::uint64_t peak_bytes = 0;  // the most that was ever used of a simulated card's heap; 0 elsewhere
};

}  // namespace tuff::host
