#include "bench/rotation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace tuff::bench {

Rotation choose_rotation(const host::DeviceSnapshot& device, std::uint64_t free_bytes,
                         std::uint64_t cpu_cache_bytes) {
    constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
    Rotation rotation;
    std::uint64_t wanted = 256 * kMiB;
    if (host::software(device) && cpu_cache_bytes > 0) {
        rotation.cache_bytes = cpu_cache_bytes;
        wanted = std::clamp(2 * cpu_cache_bytes, 64 * kMiB, 512 * kMiB);
    }
    rotation.bytes = std::min(wanted, free_bytes / 4);
    return rotation;
}

std::uint64_t cpu_cache_bytes() {
    std::uint64_t largest = 0;
    for (int index = 0;; index++) {
        std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
        std::uint64_t size = 0;
        char unit = 'B';
        if (!(file >> size)) return largest;
        file >> unit;
        const int shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
        largest = std::max(largest, size << shift);
    }
}

}  // namespace tuff::bench
