// Conversions between binary16, bfloat16 and binary32, bit by bit: the same on every compiler and CPU flag.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace tuff {

// Exact; subnormals and infinities kept, NaNs stay NaNs.
[[nodiscard]] constexpr float half_to_float(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
    const std::uint32_t exponent = (half >> 10) & 31u, mantissa = half & 1023u;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const std::uint32_t wide = exponent == 31 ? 0x7f800000u : (exponent + 112) << 23;
    return std::bit_cast<float>(sign | wide | (mantissa << 13));
}

// Rounds to nearest, ties to even; overflows to infinity; NaN becomes a quiet NaN.
[[nodiscard]] constexpr std::uint16_t float_to_half(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // from 65520 up
    std::uint32_t rounded = 0;
    if (magnitude < 0x38800000u) {  // subnormal: a multiple of 2^-24; the addition rounds as wanted
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        rounded = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f);
    } else {
        rounded = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
    }
    return static_cast<std::uint16_t>(sign | rounded);
}

[[nodiscard]] constexpr float bfloat16_to_float(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

// Rounds to nearest, ties to even; overflows to infinity; NaN becomes a quiet NaN.
[[nodiscard]] constexpr std::uint16_t float_to_bfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Little-endian fields at any address.
template <class T>
[[nodiscard]] T load(const void* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
[[nodiscard]] inline float load_half(const void* at) {
    return half_to_float(load<std::uint16_t>(at));
}

template <class T>
void store(void* at, T value) {
    std::memcpy(at, &value, sizeof value);
}
inline void store_half(void* at, float value) {
    store(at, float_to_half(value));
}

}  // namespace tuff
