// What the encoders of super-blocks of 256 begin with: values and weights brought into a range in which no
// product or sum over- or underflows, by a power of two, which costs no accuracy.
#pragma once

#include <cmath>

#include "backend/quantize/fit.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff::lanes {

inline constexpr int kSuperBlock = 256;

struct SuperBlock {
    alignas(32) float x[kSuperBlock];  // the largest magnitude is in [1, 2)
    alignas(32) float w[kSuperBlock];  // the largest weight is 1
    float unit;                        // value = x * unit

    // A scale for x as the block will hold it: rounded to binary16 in its own units.
    TUFF_INLINE float as_stored(float scale) const { return rounded_to_half(scale * unit) / unit; }
};

// false: the values are so small that no scale but zero can be stored for them.
TUFF_INLINE bool load_super_block(const float* row, const float* importance, SuperBlock& block) {
    const float magnitude = largest_magnitude(row, kSuperBlock);
    if (magnitude < 0x1p-26f) return false;
    const int exponent = std::ilogb(magnitude);
    block.unit = std::ldexp(1.0f, exponent);
    const float over = std::ldexp(1.0f, -exponent);
    for (int i = 0; i < kSuperBlock; i += 8) store8(block.x + i, load8(row + i) * over);
    relative_weights(importance, kSuperBlock, block.w);
    return true;
}

// The error of coding everything as zero.
TUFF_INLINE float energy(const SuperBlock& block) {
    F8 total{};
    for (int i = 0; i < kSuperBlock; i += 8)
        total += load8(block.w + i) * load8(block.x + i) * load8(block.x + i);
    return sum(total);
}

}  // namespace tuff::lanes
