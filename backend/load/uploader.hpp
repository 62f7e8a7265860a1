// A ring of pinned staging buffers: one is filled while the ones before are copied to the device, on the
// transfer queue where there is one.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/layout.hpp"
#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff {

// Move-only; one thread at a time.
class Uploader {
  public:
    static constexpr std::size_t kSlots = 3;

    // The errors of host::Device::allocate; unsupported: no staging memory that needs no flushing.
    static Result<Uploader> create(host::Device& device, std::uint64_t slot_bytes);

    // The next slot to fill, of slot_bytes bytes; waits until its last copies are over.
    Result<std::span<std::byte>> acquire();
    // Starts copying pieces of the slot acquired last; `target` must live until drain().
    Result<void> send(host::Buffer& target, std::span<const RowsPiece> pieces);
    // Waits for every copy.
    Result<void> drain();

    [[nodiscard]] std::uint64_t bytes() const { return kSlots * slot_bytes_; }
    // Whether slots may be written in any order, several places at a time.
    [[nodiscard]] bool cached() const { return slots_.front().buffer.where().properties.host_cached; }

  private:
    struct Slot {
        host::Buffer buffer;
        std::optional<host::Stream> copies;
    };
    Uploader(host::Device& device, std::uint64_t slot_bytes) : device_(&device), slot_bytes_(slot_bytes) {}
    host::Device* device_;
    std::uint64_t slot_bytes_;
    std::vector<Slot> slots_;
    std::size_t turn_ = 0;  // of the slot acquired next
};

}  // namespace tuff
