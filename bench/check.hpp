// Compares a product that a device has computed with the CPU reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/matmul_plan.hpp"
#include "backend/reference/matmul.hpp"
#include "bench/product.hpp"

namespace tuff::bench {

// A NaN no kernel computes: what y is filled with before.
inline constexpr std::uint32_t kPoison = 0x7fc0f00d;

// What `computed` is off by, as reference::error_over_bound, infinity where nothing was written: where the
// exact answer is not finite a NaN is right, but not the one of kPoison.
[[nodiscard]] double error_of(float computed, const reference::DotProduct& dot, std::uint64_t roundings);

// Rows of each matrix to check: all of them, or as many as the work allowed for them, spread at random.
[[nodiscard]] std::vector<std::uint64_t> rows_to_check(const MatmulShape& shape, const CheckOptions& options);

// The first float outside the rows of y that is not kPoison; empty: none.
[[nodiscard]] std::string find_touched(const MatmulShape& shape, std::span<const float> y,
                                       std::uint64_t guard);

// `y`: the destination with `guard` floats before and after it. Rows are checked on all CPU threads; the
// first and the last row of the matrices are always among them.
[[nodiscard]] Check check_product(const Format& format, const MatmulPlan& plan,
                                  std::span<const std::byte> blocks, std::span<const float> x,
                                  std::span<const float> y, std::uint64_t guard, const CheckOptions& options);

}  // namespace tuff::bench
