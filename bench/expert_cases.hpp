// Which products by expert `tuff bench` measures and `tuff verify` checks. No device is needed to tell.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/expert_problem.hpp"

namespace tuff::bench {

struct ExpertSelection {
    std::uint64_t experts = 0, used = 0;  // 0: 128 and 8, or fewer where there are fewer experts

    [[nodiscard]] bool given() const { return experts > 0 || used > 0; }
};

// Every combination of formats and sizes; empty lists of m and k: 768 and 2048, as in a small model of 128
// experts. `usage`: sizes that do not fit a format, more experts used than there are.
[[nodiscard]] Result<std::vector<ExpertCase>> select_experts(const ExpertSelection& options,
                                                             const std::vector<const Format*>& formats,
                                                             const std::vector<std::uint64_t>& m,
                                                             const std::vector<std::uint64_t>& n,
                                                             const std::vector<std::uint64_t>& k,
                                                             Layout layout);

// Shapes, tables of ids and data that provoke mistakes. `quick`: the one that finds most.
[[nodiscard]] std::vector<ExpertCase> verify_expert_cases(MatmulAlgorithm algorithm, const Format& format,
                                                          bool quick);

}  // namespace tuff::bench
