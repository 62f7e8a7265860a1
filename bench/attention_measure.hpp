// Measures and verifies attention problems.
#pragma once

#include <tuff/result.hpp>

#include <vector>

#include "bench/attention_problem.hpp"
#include "bench/case.hpp"
#include "bench/measure.hpp"
#include "bench/session.hpp"
#include "bench/verify_group.hpp"

namespace tuff::bench {

// Times one problem and checks its result. As measure_product: an error is what ends the run.
Result<CaseResult> measure_attention(Session& session, const AttentionCase& one,
                                     const MeasureOptions& options);

// A group for each kind of cache.
[[nodiscard]] std::vector<VerifyGroup> attention_groups(const VerifyRequest& request,
                                                        const host::DeviceSnapshot& device);

}  // namespace tuff::bench
