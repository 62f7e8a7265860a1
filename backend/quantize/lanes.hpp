// Eight float32 lanes at a time, for encoders: GCC's and clang's vector extensions, so that the same source
// compiles to SSE2, AVX2 or NEON, and every lane is rounded as a scalar would be. Results therefore do not
// depend on which of them runs. Sums over lanes are always taken in the same order.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "backend/clones.hpp"
#include "backend/half.hpp"

namespace tuff::lanes {

using F8 = float __attribute__((vector_size(32)));
using I8 = std::int32_t __attribute__((vector_size(32)));

TUFF_INLINE F8 load8(const float* from) {
    F8 value;
    std::memcpy(&value, from, sizeof value);
    return value;
}
TUFF_INLINE void store8(float* to, F8 value) {
    std::memcpy(to, &value, sizeof value);
}
TUFF_INLINE F8 all(float value) {
    return F8{} + value;
}
TUFF_INLINE I8 bits(F8 value) {
    return std::bit_cast<I8>(value);
}
TUFF_INLINE F8 from_bits(I8 value) {
    return std::bit_cast<F8>(value);
}
TUFF_INLINE F8 abs(F8 value) {
    return from_bits(bits(value) & 0x7fffffff);
}
TUFF_INLINE F8 min(F8 a, F8 b) {
    return a < b ? a : b;
}
TUFF_INLINE F8 max(F8 a, F8 b) {
    return a > b ? a : b;
}
TUFF_INLINE F8 clamp(F8 value, float low, float high) {
    return min(max(value, all(low)), all(high));
}

// half_to_float of eight halves.
TUFF_INLINE F8 widened8(const void* halves) {
    using U16 = std::uint16_t __attribute__((vector_size(16)));
    U16 narrow;
    std::memcpy(&narrow, halves, sizeof narrow);
    const I8 half = __builtin_convertvector(narrow, I8), magnitude = half & 0x7fff;
    const I8 infinite = magnitude >= 0x7c00, small = magnitude < 0x400;  // -1 or 0
    const I8 normal = (magnitude << 13) + (112 << 23) + (infinite & (112 << 23));
    const F8 subnormal = __builtin_convertvector(magnitude, F8) * 0x1p-24f;
    return from_bits(((half & 0x8000) << 16) | (small ? bits(subnormal) : normal));
}

// float_to_bfloat16 of each lane.
TUFF_INLINE void store_bfloats(void* to, F8 value) {
    using U16 = std::uint16_t __attribute__((vector_size(16)));
    const I8 wide = bits(value), upper = (wide >> 16) & 0xffff;
    const I8 lower = (wide & 0xffff) + 0x7fff + (upper & 1), rounded = upper + (lower >> 16);
    const I8 is_nan = (wide & 0x7fffffff) > 0x7f800000;
    const U16 narrow = __builtin_convertvector(is_nan ? upper | 0x40 : rounded, U16);
    std::memcpy(to, &narrow, sizeof narrow);
}

// Nearest integer, halves to even, for |value| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
TUFF_INLINE F8 round_even(F8 value) {
    return (value + 12582912.0f) - 12582912.0f;
}
TUFF_INLINE float round_even(float value) {
    return (value + 12582912.0f) - 12582912.0f;
}

// Nearest integer, halves away from zero, for |value| < 2^31. The fraction is exact, so nothing rounds twice.
TUFF_INLINE I8 round_away(F8 value) {
    const I8 whole = __builtin_convertvector(value, I8);
    const F8 fraction = value - __builtin_convertvector(whole, F8);
    return whole - (fraction >= 0.5f) + (fraction <= -0.5f);  // a comparison that holds is -1
}

// The low byte of each lane.
TUFF_INLINE void store_bytes(void* to, I8 values) {
    using Bytes = std::uint8_t __attribute__((vector_size(8)));
    const Bytes bytes = __builtin_convertvector(values, Bytes);
    std::memcpy(to, &bytes, sizeof bytes);
}

TUFF_INLINE float sum(F8 v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}
TUFF_INLINE float largest(F8 v) {
    float most = v[0];
    for (int i = 1; i < 8; i++) most = v[i] > most ? v[i] : most;
    return most;
}
TUFF_INLINE float smallest(F8 v) {
    return -largest(-v);
}

}  // namespace tuff::lanes
