// The shapes and data that every kernel is verified with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/case.hpp"
#include "bench/operands.hpp"

namespace tuff::bench {

struct VerifyCase {
    Op op{};
    MatmulAlgorithm algorithm{};
    const Format* format = nullptr;
    MatmulShape shape;
    Data data = Data::ordinary;
};

// In the order of the reports: by algorithm, format, op. `quick`: those that find most mistakes in the least
// time.
[[nodiscard]] std::vector<VerifyCase> verify_cases(MatmulAlgorithm algorithm, const Format& format,
                                                   bool quick);

// One with more than 4 GiB of weights.
[[nodiscard]] VerifyCase huge_case(MatmulAlgorithm algorithm, const Format& format);

}  // namespace tuff::bench
