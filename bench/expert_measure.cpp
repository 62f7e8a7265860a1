#include "bench/expert_measure.hpp"

#include <fmt/format.h>

#include <utility>

#include "bench/problem_run.hpp"

namespace tuff::bench {
namespace {

Result<void> verify_experts(Session& session, const ExpertCase& one, std::uint64_t seed, CaseResult& result) {
    TUFF_TRY(problem, ExpertProblem::create(session, one, seed, 0));
    result.variant = problem.plan().describe();
    TUFF_CHECK(run_once(session, problem));
    TUFF_TRY(check, problem.check(0, {CheckOptions{}.max_multiply_adds, seed}));
    return accept(check, result);
}

}  // namespace

Result<CaseResult> measure_experts(Session& session, const ExpertCase& one, const MeasureOptions& options) {
    ExpertCase chosen = one;
    if (options.algorithm) chosen.algorithm = options.algorithm;
    return measured(session, one.describe(), [&](CaseResult& result) -> Result<void> {
        TUFF_TRY(problem, ExpertProblem::create(session, chosen, options.seed, options.rotation_bytes));
        result.variant = problem.plan().describe();
        result.bytes = problem.moved_bytes();
        result.flops = problem.flops();
        TUFF_TRY(timing, time_problem(session, problem, options.timing, result));
        constexpr std::uint64_t kReferenceWork = 50'000'000;
        TUFF_TRY(check, problem.check(timing.last_set, {kReferenceWork, options.seed}));
        return accept(check, result);
    });
}

std::vector<VerifyGroup> expert_groups(const VerifyRequest& request, const host::DeviceSnapshot&) {
    std::vector<VerifyGroup> groups;
    if (!request.op(Op::matmul_id)) return groups;
    for (const MatmulAlgorithm algorithm : request.algorithms)
        for (const Format* format : request.formats) {
            const std::string kernel(algorithm_name(algorithm));
            VerifyGroup group{Op::matmul_id,
                              std::string(format->name),
                              kernel,
                              fmt::format("{}.{}", kernel, format->name),
                              {}};
            for (const ExpertCase& one : verify_expert_cases(algorithm, *format, request.quick)) {
                CaseResult result = one.describe();
                result.variant = kernel;
                group.cases.push_back(
                    {std::move(result), [one](Session& session, std::uint64_t seed, CaseResult& found) {
                         return verify_experts(session, one, seed, found);
                     }});
            }
            groups.push_back(std::move(group));
        }
    return groups;
}

}  // namespace tuff::bench
