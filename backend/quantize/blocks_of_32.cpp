// q4_0, q4_1, q5_0, q5_1, q8_0: blocks of 32 with one scale, and an offset in the _1 types.
// Without importance the rules are the reference's, to the bit (min and max decide); with importance scale
// and offset are fitted.
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
    }
    return found;
}

// The value of the largest magnitude, the first of equal ones; +0 for a block of zeros.
TUFF_INLINE float peak(const float* x) {
    const Extremes ends = extremes(x);
    if (-ends.least > ends.most) return ends.least;
    if (-ends.least < ends.most) return ends.most;
    if (ends.most == 0) return 0;
    for (int i = 0;; i++)
        if (x[i] == ends.most || x[i] == ends.least) return x[i];
}

// Codes of 4 or 5 bits: nibbles, and before them the fifth bits as one word.
template <int Bits>
TUFF_INLINE void pack(const std::uint8_t* codes, std::byte* to) {
    if constexpr (Bits == 5) {
        std::uint32_t high = 0;
        for (int i = 0; i < kBlock; i++) high |= std::uint32_t{codes[i]} >> 4 << i;
        store(to, high);
        to += 4;
    }
    for (int i = 0; i < 16; i++) to[i] = std::byte((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

// trunc((x - from) * t + shift) in [0, highest].
TUFF_INLINE void truncate(const float* x, float from, float t, float shift, float highest,
                          std::uint8_t* codes) {
    for (int i = 0; i < kBlock; i += 8) {
        const F8 moved = clamp((load8(x + i) - from) * t + shift, 0, highest);
        store_bytes(codes + i, __builtin_convertvector(moved, I8));
    }
}

// Weights of a block by importance, brought into a range in which no sum can overflow.
TUFF_INLINE void load_weights(const float* importance, float* w) {
    const float unit = inverse(largest_magnitude(importance, kBlock));
    for (int i = 0; i < kBlock; i += 8) store8(w + i, unit == 0 ? all(1) : load8(importance + i) * unit);
}

// Inverse scales to try: what the largest magnitude becomes, for 4 and for 5 bits.
template <int Bits>
constexpr float top = Bits == 4 ? 8 : 16;
template <int Bits>
constexpr std::array<F8, 2> signed_starts = {F8{.0f, .25f, -.25f, .5f, -.5f, -.75f, -1.0f, -1.5f} + top<Bits>,
                                             F8{.5f, .75f, 1.0f, 1.25f, 1.5f, 1.75f, 2.0f, 2.5f} - top<Bits>};

template <int Bits>
TUFF_CLONES void encode_signed(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    constexpr int kBytes = 2 + (Bits == 5 ? 4 : 0) + 16;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += kBytes) {
        const float* x = row + i;
        float d = peak(x) / -top<Bits>;
        if (importance) {
            alignas(32) float w[kBlock];
            load_weights(importance + i, w);
            const SignedFit fit =
                fit_signed(x, w, kBlock, -top<Bits>, top<Bits> - 1, signed_starts<Bits>.data(), 2, 1);
            if (fit.scale != 0) d = rounded_to_half(fit.scale);
        }
        d = clamp_to_half(d);
        std::uint8_t codes[kBlock];
        truncate(x, 0, inverse(d), top<Bits> + 0.5f, top<Bits> * 2 - 1, codes);
        store_half(blocks, d);
        pack<Bits>(codes, blocks + 2);
    }
}

template <int Bits>
constexpr std::array<AffineStarts, 1> affine_starts = {
    {{{0, .3f, 0, .3f, -.3f, 0, .6f, .6f}, {0, 0, .3f, .3f, 0, -.3f, .6f, .2f}}}};

template <int Bits>
TUFF_CLONES void encode_affine(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    constexpr int kBytes = 4 + (Bits == 5 ? 4 : 0) + 16;
    constexpr float levels = (1 << Bits) - 1;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += kBytes) {
        const float* x = row + i;
        const Extremes ends = extremes(x);
        float m = clamp_to_half(ends.least), d = clamp_to_half((ends.most - ends.least) / levels);
        if (importance) {
            alignas(32) float w[kBlock];
            load_weights(importance + i, w);
            const AffineFit fit = fit_affine<false>(x, w, kBlock, levels, affine_starts<Bits>.data(), 1, 1);
            d = rounded_to_half(fit.scale);
            m = rounded_to_half(fit.low);
        }
        std::uint8_t codes[kBlock];
        truncate(x, m, inverse(d), 0.5f, levels, codes);
        store_half(blocks, d);
        store_half(blocks + 2, m);
        pack<Bits>(codes, blocks + 4);
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
const Encoder encoder_q4_0{2, Importance::used, encode_signed<4>};
const Encoder encoder_q4_1{3, Importance::used, encode_affine<4>};
const Encoder encoder_q5_0{6, Importance::used, encode_signed<5>};
const Encoder encoder_q5_1{7, Importance::used, encode_affine<5>};
const Encoder encoder_q8_0{8, Importance::ignored, encode_q8_0};

}  // namespace tuff
