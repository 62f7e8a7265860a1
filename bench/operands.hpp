// Weights and activations to multiply: random ones of any format, and ones that provoke mistakes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "backend/format.hpp"
#include "backend/matmul_plan.hpp"

namespace tuff::bench {

// What the numbers are like.
enum class Data {
    ordinary,   // random codes, scales and activations of ordinary size and either sign
    zeros,      // zero scales in some blocks, zero activations in some tokens
    subnormal,  // scales and activations below the smallest normal number of their types
    huge,       // activations up to 1e30
    infinite,   // infinite scales in some rows, infinite and NaN activations in the last token
};
[[nodiscard]] std::string_view data_name(Data data);

// GGUF blocks of shape.w_batches matrices, valid for the format; deterministic in `seed`. The shape has
// passed matrix_bytes().
[[nodiscard]] std::vector<std::byte> random_weights(const Format& format, const MatrixShape& shape, Data data,
                                                    std::uint64_t seed);

// shape.x_floats() activations; what lies between strided rows and batches is NaN, so that a kernel that uses
// it is found out.
[[nodiscard]] std::vector<float> random_activations(const MatmulShape& shape, Data data, std::uint64_t seed);

}  // namespace tuff::bench
