// The CPU reference of products by expert: y[t][s][r] = sum_k w[ids[t][s]][r][k] * x[t][s][k]; an id that is
// no expert gives zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/matmul_id_plan.hpp"
#include "backend/reference/matmul.hpp"

namespace tuff::reference {

// Row `row` of y for every pair of token and slot, token by token. `blocks`: shape.experts matrices in GGUF
// blocks; x and ids as the shape says.
[[nodiscard]] std::vector<DotProduct> dot_row_by_expert(const Format& format, const MatmulIdShape& shape,
                                                        const std::byte* blocks, std::uint64_t row,
                                                        const float* x, const std::int32_t* ids);

}  // namespace tuff::reference
