// Verifies what is not a product: copies, and the kernels that measure roofs.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <vector>

#include "bench/case.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// Copies of many sizes at many offsets, and every kernel that reads a buffer (its sum against the one
// computed here).
std::vector<CaseResult> verify_copies(Session& session, std::uint64_t seed);

// The multiply-add kernels against double precision.
std::vector<CaseResult> verify_fma(Session& session);

}  // namespace tuff::bench
