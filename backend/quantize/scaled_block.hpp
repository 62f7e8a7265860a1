// A super-block of 256 values made ready for a search: every product of values and weights stays in the
// range of float32, and every value within what the format can hold.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "backend/half.hpp"
#include "backend/quantize/lanes.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {

inline constexpr int kScaledElements = 256;

// Elements whose importance is next to nothing still get sensible codes.
inline constexpr float kLeastWeight = 1e-6f;

// The smallest scale of binary16 is 2^-24: nothing below this is nearer to one of its multiples than to 0, in
// any of the formats.
inline constexpr float kLeastPeak = 1e-10f;

struct ScaledBlock {
    alignas(32) float x[kScaledElements];  // the values in units of `unit`; magnitudes below 2
    alignas(32) float w[kScaledElements];  // their weights, between kLeastWeight and 1
    double unit;                           // a power of two

    // importance: nullptr (all elements weigh the same) or 256 weights. Magnitudes above `largest` are
    // clamped to it, a NaN counts as 0. False: no value is large enough to be stored, zero bytes are the best
    // block.
    TUFF_INLINE bool load(const float* values, const float* importance, float largest) {
        lanes::F8 peaks{};
        for (int i = 0; i < kScaledElements; i += 8) {
            const lanes::F8 v = lanes::load8(values + i);
            const lanes::F8 number = v == v ? v : lanes::F8{};
            lanes::store8(x + i, lanes::clamp(number, -largest, largest));
            peaks = lanes::max(peaks, lanes::abs(lanes::load8(x + i)));
        }
        const float peak = lanes::largest(peaks);
        if (peak < kLeastPeak) return false;
        int exponent = 0;
        std::frexp(peak, &exponent);
        unit = std::ldexp(1.0, exponent - 1);
        const float scale = std::ldexp(1.0f, 1 - exponent);  // exact: |exponent| < 40
        for (int i = 0; i < kScaledElements; i += 8) lanes::store8(x + i, lanes::load8(x + i) * scale);
        weigh(importance);
        return true;
    }

  private:
    TUFF_INLINE void weigh(const float* importance) {
        lanes::F8 weights{};
        for (int i = 0; importance != nullptr && i < kScaledElements; i += 8)
            weights = lanes::max(weights, lanes::load8(importance + i));
        const float most = lanes::largest(weights);
        for (int i = 0; i < kScaledElements; i += 8) {
            const lanes::F8 relative = most > 0 ? lanes::load8(importance + i) / most : lanes::all(1);
            lanes::store8(w + i, lanes::max(relative, lanes::all(kLeastWeight)));
        }
    }
};

// The scale of a super-block as it is stored, and its value in units of ScaledBlock::unit.
struct StoredScale {
    std::uint16_t half = 0;
    float value = 0;
};

// The nearest that is neither zero nor infinite.
TUFF_INLINE StoredScale stored_scale(float d, double unit) {
    const double magnitude = std::clamp(std::fabs(d) * unit, 0x1p-24, double{kLargestHalf});
    const auto rounded = float_to_half(static_cast<float>(d < 0 ? -magnitude : magnitude));
    return {rounded, static_cast<float>(half_to_float(rounded) / unit)};
}

}  // namespace tuff
