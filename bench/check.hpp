// Compares a product that a device has computed with the CPU reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/matmul_plan.hpp"
#include "bench/product.hpp"

namespace tuff::bench {

// A NaN no kernel computes: what y is filled with before.
inline constexpr std::uint32_t kPoison = 0x7fc0f00d;

// `y`: the destination with `guard` floats before and after it. Rows are checked on all CPU threads; the
// first and the last row of the matrices are always among them.
[[nodiscard]] Check check_product(const Format& format, const MatmulPlan& plan,
                                  std::span<const std::byte> blocks, std::span<const float> x,
                                  std::span<const float> y, std::uint64_t guard, const CheckOptions& options);

}  // namespace tuff::bench
