// Measures and verifies products by expert.
#pragma once

#include <tuff/result.hpp>

#include <vector>

#include "bench/expert_cases.hpp"
#include "bench/measure.hpp"
#include "bench/verify_group.hpp"

namespace tuff::bench {

// Times one problem and checks its result. As measure_product: an error is what ends the run.
Result<CaseResult> measure_experts(Session& session, const ExpertCase& one, const MeasureOptions& options);

// A group for each kernel and format.
[[nodiscard]] std::vector<VerifyGroup> expert_groups(const VerifyRequest& request,
                                                     const host::DeviceSnapshot& device);

}  // namespace tuff::bench
