// Measures one product and checks what it computed.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>

#include "bench/case.hpp"
#include "bench/selection.hpp"
#include "bench/session.hpp"
#include "bench/timing.hpp"

namespace tuff::bench {

struct MeasureOptions {
    TimingOptions timing;
    std::uint64_t rotation_bytes = 0;
    std::uint64_t seed = 1;
    std::optional<MatmulAlgorithm> algorithm;  // nullopt: the plan's choice
};

// The plan a case is measured with. The errors of plan_matmul.
Result<MatmulPlan> plan_case(const host::DeviceSnapshot& device, const BenchCase& one,
                             const std::optional<MatmulAlgorithm>& algorithm);

// Times the product and compares the last timed execution's result with the reference. `model`: the file the
// case's tensor is in. What goes wrong with this case alone (too large, a kernel that does not compile, a
// wrong result) is the result's status; an error is what ends the run: a lost device.
Result<CaseResult> measure_product(Session& session, const BenchCase& one, const GgufFile* model,
                                   const MeasureOptions& options);

}  // namespace tuff::bench
