// Scales as blocks store them.
#pragma once

#include "backend/half.hpp"

namespace tuff {

inline constexpr float kLargestHalf = 65504.0f;

// A scale that binary16 can hold: what would become infinite is the largest finite one.
[[nodiscard]] inline float clamp_to_half(float scale) {
    return scale >= 65520.0f ? kLargestHalf : scale <= -65520.0f ? -kLargestHalf : scale;
}

// The same, rounded to binary16.
[[nodiscard]] inline float rounded_to_half(float scale) {
    return half_to_float(float_to_half(clamp_to_half(scale)));
}

}  // namespace tuff
