// Time as it passes on the host, and rates over it.
#pragma once

#include <chrono>
#include <cstdint>

namespace tuff::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// 10^9 bytes a second; 0 where no time has passed.
inline double gbps_of(std::uint64_t bytes, double seconds) {
    return seconds > 0 ? static_cast<double>(bytes) / seconds / 1e9 : 0;
}

}  // namespace tuff::bench
