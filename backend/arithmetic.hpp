// Whole numbers of shapes, sizes and launches.
#pragma once

#include <cstdint>

namespace tuff {

// a / b rounded up. b must not be 0.
constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
}

// The least multiple of b from a on, which must be below 2^64.
constexpr std::uint64_t round_up(std::uint64_t a, std::uint64_t b) {
    return ceil_div(a, b) * b;
}

// As kernels take it; plans have checked that it fits.
constexpr std::uint32_t u32(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}

// Regions of a scratch operand, and the operand itself, start at multiples of this.
inline constexpr std::uint64_t kScratchAlignment = 256;

}  // namespace tuff
