// How much memory measurements rotate over, so that no execution finds its weights in a cache.
#pragma once

#include <cstdint>

#include "host/snapshot.hpp"

namespace tuff::bench {

struct Rotation {
    std::uint64_t bytes = 0;        // operands of one measurement together, unless a single copy is larger
    std::uint64_t cache_bytes = 0;  // last-level cache it is meant to exceed; 0: unknown
};

// Twice the last-level cache of the machine for a device that computes on the CPU, 256 MiB for others (no GPU
// has a last-level cache of half that), between 64 and 512 MiB and at most a quarter of `free_bytes`.
[[nodiscard]] Rotation choose_rotation(const host::DeviceSnapshot& device, std::uint64_t free_bytes,
                                       std::uint64_t cpu_cache_bytes);

// Bytes of this machine's largest CPU cache as Linux tells; 0 where it does not.
[[nodiscard]] std::uint64_t cpu_cache_bytes();

}  // namespace tuff::bench
