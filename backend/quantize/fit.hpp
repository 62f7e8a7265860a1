// Fitting scales to groups of weights. A candidate is an inverse scale; it gives codes, and for these codes
// the best scale follows in closed form (weighted least squares). Eight candidates are tried at a time, one
// per lane, and improved by Lloyd's iteration: codes for the new scale, then the scale for those codes. An
// iteration never makes the error larger.
#pragma once

#include <array>
#include <limits>

#include "backend/quantize/lanes.hpp"

namespace tuff::lanes {

// The first lane with the smallest value; NaN never wins.
TUFF_INLINE int best_lane(F8 error) {
    int best = 0;
    for (int i = 1; i < 8; i++)
        if (error[i] < error[best] || !(error[best] == error[best])) best = i;
    return best;
}

// 1 / value, or 0 where that is not finite.
TUFF_INLINE F8 inverse(F8 value) {
    const F8 result = 1.0f / value;
    return abs(result) <= std::numeric_limits<float>::max() ? result : F8{};
}
TUFF_INLINE float inverse(float value) {
    const float result = 1.0f / value;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(result) & 0x7fffffffu) <=
                   std::numeric_limits<float>::max()
               ? result
               : 0.0f;
}

TUFF_INLINE float largest_magnitude(const float* x, int count) {
    F8 most{};
    for (int i = 0; i < count; i += 8) most = max(most, abs(load8(x + i)));
    return largest(most);
}

// The value of the largest magnitude; of two, the positive one.
TUFF_INLINE float peak(const float* x, int count) {
    F8 low = load8(x), high = low;
    for (int i = 8; i < count; i += 8) {
        low = min(low, load8(x + i));
        high = max(high, load8(x + i));
    }
    const float least = smallest(low), most = largest(high);
    return -least > most ? least : most;
}

// Weights over the largest of them, so that no sum overflows; all 1 without importance, or where the largest
// is next to nothing.
TUFF_INLINE void relative_weights(const float* importance, int count, float* w) {
    const float unit = importance ? inverse(largest_magnitude(importance, count)) : 0.0f;
    for (int i = 0; i < count; i += 8) store8(w + i, unit == 0 ? all(1) : load8(importance + i) * unit);
}

// value = scale * code, low <= code <= high.
struct SignedFit {
    float scale = 0;
    float error = 0;  // weighted sum of squares, without the part that no scale can change
};

// x: `count` values, w: their weights. starts: candidates for the code of the value of the largest magnitude;
// it may lie at either end of the codes, of which the lower has one more.
TUFF_INLINE SignedFit fit_signed(const float* x, const float* w, int count, float low, float high,
                                 const F8* starts, int batches, int iterations) {
    SignedFit best;
    const float unit = inverse(peak(x, count));
    if (unit == 0) return best;
    // Where several fit as well, as for constants, the first start wins: its code may make the scale exact.
    constexpr float kFirst = 1 + 0x1p-20f;
    for (int batch = 0; batch < batches; batch++) {
        F8 t = starts[batch] * unit, scale{}, error{};
        for (int iteration = 0; iteration <= iterations; iteration++) {
            F8 xq{}, qq{};
            for (int i = 0; i < count; i++) {
                const F8 q = clamp(round_even(t * x[i]), low, high), wq = w[i] * q;
                xq += wq * x[i];
                qq += wq * q;
            }
            scale = xq * inverse(qq);
            error = -(scale * xq);
            t = inverse(scale);
        }
        if (batch == 0) error[0] *= kFirst;
        const int lane = best_lane(error);
        if (error[lane] < best.error) best = {scale[lane], error[lane]};
    }
    return best;
}

// value = scale * code + low, 0 <= code <= levels, scale >= 0.
struct AffineFit {
    float scale = 0;
    float low = 0;
};

// Where the grid of codes is put to begin with: its ends, moved inwards by this many steps.
struct AffineStarts {
    F8 low, high;
};

// Also one code fewer than there are: values on both sides of zero often are multiples of one number, which
// fit an odd number of codes. 16 starts for grids of 4 bits and more.
template <int Levels>
inline constexpr std::array<AffineStarts, 2> affine_starts = {
    {{{0, 0, .3f, 0, .3f, -.3f, .7f, 0}, {0, -Levels / (Levels - 1.0f), 0, .3f, .3f, -.1f, 0, .7f}},
     {{.7f, -.5f, .5f, 1.0f, -.3f, .3f, 1.1f, .4f}, {.7f, -.5f, .5f, 1.0f, .3f, -.3f, .4f, 1.1f}}}};

// NonPositiveLow: the format cannot store low > 0.
template <bool NonPositiveLow>
TUFF_INLINE AffineFit fit_affine(const float* x, const float* w, int count, float levels,
                                 const AffineStarts* starts, int batches, int iterations) {
    F8 least = load8(x), most = least;
    for (int i = 8; i < count; i += 8) {
        least = min(least, load8(x + i));
        most = max(most, load8(x + i));
    }
    float low = smallest(least), high = largest(most);
    if (NonPositiveLow && low > 0) low = 0;
    const float step = (high - low) / levels;
    if (inverse(step) == 0) return {0, low};

    float sum_w = 0, sum_x = 0, sum_xx = 0;
    for (int i = 0; i < count; i++) {
        const float wx = w[i] * x[i];
        sum_w += w[i];
        sum_x += wx;
        sum_xx += wx * x[i];
    }
    AffineFit best{step, low};
    float best_error = std::numeric_limits<float>::infinity();
    for (int batch = 0; batch < batches; batch++) {
        F8 lows = low + starts[batch].low * step;
        F8 scales = ((high - starts[batch].high * step) - lows) * (1.0f / levels);
        F8 error{};
        for (int iteration = 0; iteration <= iterations; iteration++) {
            const F8 t = inverse(scales);
            F8 sum_q{}, sum_qq{}, sum_xq{};
            for (int i = 0; i < count; i++) {
                const F8 q = clamp(round_even(t * (x[i] - lows)), 0, levels), wq = w[i] * q;
                sum_q += wq;
                sum_qq += wq * q;
                sum_xq += wq * x[i];
            }
            const F8 determinant = sum_w * sum_qq - sum_q * sum_q;
            const F8 over = inverse(determinant);
            F8 scale = (sum_w * sum_xq - sum_x * sum_q) * over;
            F8 offset = (sum_qq * sum_x - sum_q * sum_xq) * over;
            if (NonPositiveLow) {
                const F8 through_zero = sum_xq * inverse(sum_qq);
                scale = offset > 0.0f ? through_zero : scale;
                offset = offset > 0.0f ? F8{} : offset;
            }
            // Codes that are all the same, or a grid turned round, say nothing about the scale.
            const I8 usable = (determinant > 0.0f) & (scale > 0.0f);
            scales = usable ? scale : scales;
            lows = usable ? offset : lows;
            error = sum_xx + scales * (scales * sum_qq - 2.0f * sum_xq) +
                    lows * (lows * sum_w - 2.0f * sum_x + 2.0f * scales * sum_q);
        }
        const int lane = best_lane(error);
        if (error[lane] < best_error) {
            best = {scales[lane], lows[lane]};
            best_error = error[lane];
        }
    }
    return best;
}

}  // namespace tuff::lanes
