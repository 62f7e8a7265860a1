// The CPU reference of y[t][r] = sum_k w[r][k] * x[t][k]: double precision, written to be read, not to be
// fast.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/format.hpp"

namespace tuff::reference {

// One row of weights against any number of tokens.
struct DotProduct {
    double value;      // sum of w * x, accumulated in double
    double magnitude;  // sum of |m| * |x|, m the magnitude of Format::magnitude
    double underflow;  // what flushing every subnormal intermediate to zero may add or remove
};

// Dot products of one row of `elements` weights in GGUF blocks with each of `tokens` activation rows,
// x_stride floats apart.
[[nodiscard]] std::vector<DotProduct> dot_row(const Format& format, const std::byte* blocks,
                                              std::uint64_t elements, const float* x, std::uint64_t x_stride,
                                              std::uint64_t tokens);

// The largest error a correct kernel can make in that element when no product passes through more than
// `roundings` roundings to float32 on its way to the result: gamma_n * sum |m||x| with gamma_n = n u / (1 - n
// u), u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), plus the underflow
// term.
[[nodiscard]] double error_bound(const DotProduct& dot, std::uint64_t roundings);

// |computed - exact| / bound: at most 1 for a correct kernel. Where the exact value is not finite or
// overflows float32, 0 if `computed` is not finite either, else infinity; a computed value that is not finite
// where it should be is infinity.
[[nodiscard]] double error_over_bound(float computed, const DotProduct& dot, std::uint64_t roundings);

}  // namespace tuff::reference
