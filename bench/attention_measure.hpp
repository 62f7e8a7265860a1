// Measures and verifies attention problems.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>

#include "bench/attention_problem.hpp"
#include "bench/case.hpp"
#include "bench/measure.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// Times one problem and checks its result. As measure_product: an error is what ends the run.
Result<CaseResult> measure_attention(Session& session, const AttentionCase& one,
                                     const MeasureOptions& options);

// Runs one problem and checks its result.
[[nodiscard]] CaseResult verify_attention(Session& session, const AttentionCase& one, std::uint64_t seed);

}  // namespace tuff::bench
