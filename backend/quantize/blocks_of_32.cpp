// q4_0, q4_1, q5_0, q5_1, q8_0: blocks of 32 with one scale, and an offset in the _1 types.
// Without importance the rules are the reference's, to the bit (min and max decide); with importance scale
// and offset are fitted.
#include <array>
#include <cmath>

#include "backend/formats/block32.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/fit.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

using namespace lanes;

constexpr int kBlock = 32;

struct Extremes {
    float least, most;  // the first of equal ones, so that the sign of a zero is settled
};

TUFF_INLINE Extremes extremes(const float* x) {
    F8 low = load8(x), high = low;
    for (int i = 8; i < kBlock; i += 8) {
        low = min(low, load8(x + i));
        high = max(high, load8(x + i));
    }
    Extremes found{smallest(low), largest(high)};
    if (found.least == 0) {
        const float* first = x;
        while (*first != 0) first++;
        found.least = *first;
        if (found.most == 0) found.most = *first;
    }
    return found;
}

// The value of the largest magnitude, the first of equal ones; +0 for a block of zeros.
TUFF_INLINE float first_peak(const float* x) {
    const Extremes ends = extremes(x);
    if (-ends.least > ends.most) return ends.least;
    if (-ends.least < ends.most) return ends.most;
    if (ends.most == 0) return 0;
    for (int i = 0;; i++)
        if (x[i] == ends.most || x[i] == ends.least) return x[i];
}

// trunc((x - from) * t + shift) in [0, highest].
TUFF_INLINE void truncate(const float* x, float from, float t, float shift, float highest,
                          codes::Group& group) {
    for (int i = 0; i < kBlock; i += 8) {
        const F8 moved = clamp((load8(x + i) - from) * t + shift, 0, highest);
        store_bytes(group.data() + i, __builtin_convertvector(moved, I8));
    }
}

// Candidates for the code of the largest magnitude, at both ends.
template <int Bias>
constexpr std::array<F8, 2> signed_starts = {
    F8{.0f, -.9f, -.6f, -.3f, .3f, .6f, .9f, 1.2f} - float{Bias},
    F8{-1.8f, -1.5f, -1.2f, -.9f, -.6f, -.3f, .0f, .3f} + float{Bias}};

TUFF_INLINE F8 rounded_to_half8(F8 scales) {
    for (int i = 0; i < 8; i++) scales[i] = rounded_to_half(scales[i]);
    return scales;
}

// Of eight (scale, offset) as they are stored, the one with the smallest error.
TUFF_INLINE int best_stored(const float* x, const float* w, F8 d, F8 m, float low, float high) {
    const F8 t = inverse(d);
    F8 error{};
    for (int i = 0; i < kBlock; i++) {
        const F8 moved = x[i] - m, rest = moved - d * clamp(round_even(moved * t), low, high);
        error += w[i] * rest * rest;
    }
    return best_lane(error);
}

template <block32::Fields F>
TUFF_CLONES void encode_signed(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    constexpr float top = F.bias;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += F.bytes()) {
        const float* x = row + i;
        float d = first_peak(x) / -top;
        if (importance && std::fabs(d) < kLargestHalf) {
            alignas(32) float w[kBlock];
            relative_weights(importance + i, kBlock, w);
            const SignedFit fit = fit_signed(x, w, kBlock, -top, top - 1, signed_starts<F.bias>.data(), 2, 2);
            // For constants and the like what counts is which scale binary16 rounds least.
            F8 stored = F8{} + d * top;
            stored /= F8{1, 0, -1, -2, -3, -4, -5, -6} + top;
            if (fit.scale != 0) stored[0] = fit.scale;
            stored = rounded_to_half8(stored);
            d = stored[best_stored(x, w, stored, F8{}, -top, top - 1)];
        }
        d = clamp_to_half(d);
        codes::Group group;
        truncate(x, 0, inverse(d), top + 0.5f, top * 2 - 1, group);
        store_half(blocks, d);
        block32::store_codes<F>(group, blocks);
    }
}

template <block32::Fields F>
TUFF_CLONES void encode_affine(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    constexpr int levels = F.fifths > 0 ? 31 : 15;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += F.bytes()) {
        const float* x = row + i;
        const Extremes ends = extremes(x);
        float m = clamp_to_half(ends.least), d = clamp_to_half((ends.most - ends.least) / levels);
        if (importance && std::fabs(m) < kLargestHalf && d < kLargestHalf) {
            alignas(32) float w[kBlock];
            relative_weights(importance + i, kBlock, w);
            const AffineFit fit = fit_affine<false>(x, w, kBlock, levels, affine_starts<levels>.data(), 2, 1);
            F8 lows{}, scales = ends.most / (F8{0, 0, 0, -1, -2, -3, -4, -5} + float{levels});
            scales[0] = fit.scale;
            lows[0] = fit.low;
            scales[1] = d;
            lows[1] = m;
            scales = rounded_to_half8(max(scales, F8{}));
            lows = rounded_to_half8(lows);
            const int lane = best_stored(x, w, scales, lows, 0, levels);
            d = scales[lane];
            m = lows[lane];
        }
        codes::Group group;
        truncate(x, m, inverse(d), 0.5f, levels, group);
        store_half(blocks, d);
        store_half(blocks + 2, m);
        block32::store_codes<F>(group, blocks);
    }
}

TUFF_CLONES void encode_q8_0(const float* row, std::uint64_t elements, const float* /*importance*/,
                             std::byte* blocks) {
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 34) {
        const float d = clamp_to_half(largest_magnitude(row + i, kBlock) / 127.0f);
        const float t = inverse(d);
        store_half(blocks, d);
        for (int k = 0; k < kBlock; k += 8)
            store_bytes(blocks + 2 + k, round_away(clamp(load8(row + i + k) * t, -127, 127)));
    }
}

}  // namespace

extern const Encoder encoder_q4_0, encoder_q4_1, encoder_q5_0, encoder_q5_1, encoder_q8_0;
const Encoder encoder_q4_0{2, Importance::used, encode_signed<{.nibbles = 2, .bias = 8}>, 8 * kLargestHalf};
const Encoder encoder_q4_1{3, Importance::used, encode_affine<{.nibbles = 4, .has_m = true}>,
                           15 * kLargestHalf};
const Encoder encoder_q5_0{6, Importance::used, encode_signed<{.nibbles = 6, .fifths = 2, .bias = 16}>,
                           16 * kLargestHalf};
const Encoder encoder_q5_1{7, Importance::used, encode_affine<{.nibbles = 8, .fifths = 4, .has_m = true}>,
                           31 * kLargestHalf};
const Encoder encoder_q8_0{8, Importance::ignored, encode_q8_0, 127 * kLargestHalf};

}  // namespace tuff
