// What `tuff verify` runs: groups of cases, each summed up by a line of its table. Every op has a function
// that makes its groups; verify.cpp lists those functions, runs what they made, and knows nothing about any
// op.
#pragma once

#include <tuff/result.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/case.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// What was asked for, by meaning; no list is empty.
struct VerifyRequest {
    std::vector<Op> ops;
    std::vector<const Format*> formats;
    std::vector<MatmulAlgorithm> algorithms;
    bool quick = false;  // the cases that find most mistakes in the least time
    bool huge = false;   // weights beyond 4 GiB as well

    [[nodiscard]] bool op(Op one) const { return std::ranges::find(ops, one) != ops.end(); }
};

struct VerifyCaseRun {
    CaseResult result;  // what is known before: op, format, shape, label, kernel
    // Fills in the errors found and the elements checked; operands are random by `seed`. Its error becomes
    // the result's status.
    std::function<Result<void>(Session& session, std::uint64_t seed, CaseResult& result)> run;
};

struct VerifyGroup {
    Op op{};
    std::string format = "-", kernel = "-";  // as the table calls them
    std::string needs;  // a kernel that the device has to be able to run; empty: any device will do
    std::vector<VerifyCaseRun> cases;
};

// The groups of one or more ops, in the order of the report; none where the request leaves them out.
using MakeVerifyGroups = std::vector<VerifyGroup> (*)(const VerifyRequest& request,
                                                      const host::DeviceSnapshot& device);

}  // namespace tuff::bench
