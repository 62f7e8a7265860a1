// Measures and verifies problems of rows.
#pragma once

#include <tuff/result.hpp>

#include <vector>

#include "bench/measure.hpp"
#include "bench/rows_cases.hpp"
#include "bench/verify_group.hpp"

namespace tuff::bench {

// Times one problem and checks its result. As measure_product: an error is what ends the run.
Result<CaseResult> measure_rows(Session& session, const RowsCase& one, const MeasureOptions& options);

// Look-ups: a group for each format and layout; convert and quantize: for each type.
[[nodiscard]] std::vector<VerifyGroup> rows_groups(const VerifyRequest& request,
                                                   const host::DeviceSnapshot& device);

}  // namespace tuff::bench
