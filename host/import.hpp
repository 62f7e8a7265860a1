// Host memory that the device uses in place (VK_EXT_external_memory_host): nothing is copied into a buffer,
// or out of one.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "host/device.hpp"

namespace tuff::host {

// Anonymous pages of our own, zeroed, for reading files into and for importing. Move-only.
class HostMemory {
  public:
    // At least `bytes` bytes at a multiple of `alignment` (a power of two), the size rounded up to it.
    // out_of_memory.
    static Result<HostMemory> allocate(std::uint64_t bytes, std::uint64_t alignment);
    HostMemory() = default;
    HostMemory(HostMemory&& other) noexcept;
    HostMemory& operator=(HostMemory&& other) noexcept;
    HostMemory(const HostMemory&) = delete;
    HostMemory& operator=(const HostMemory&) = delete;
    ~HostMemory();

    [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

  private:
    std::span<std::byte> mapping_;  // what munmap takes
    std::span<std::byte> bytes_;    // the aligned part
};

// What an imported pointer and its size are multiples of; 0: the device imports nothing.
[[nodiscard]] std::uint64_t import_alignment(const DeviceSnapshot& device);

// A buffer over `memory`, which must stay mapped as long as the buffer lives and whose last kTailBytes are
// the buffer's tail: size() is memory.size() - kTailBytes. Drivers check little of what they are handed, so
// it is checked here: pointer and size against import_alignment(), the pages it pins against what the heap
// has left. unsupported: the device cannot import, or not this memory; the message says which check failed.
// Nothing is lost then: copy instead.
Result<Buffer> import_host(Device& device, std::span<std::byte> memory, std::string_view label);

}  // namespace tuff::host
