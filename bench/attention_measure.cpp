#include "bench/attention_measure.hpp"

#include <fmt/format.h>

#include <utility>

#include "bench/attention_cases.hpp"
#include "bench/problem_run.hpp"

namespace tuff::bench {
namespace {

CaseResult describe(const AttentionCase& one) {
    CaseResult result;
    result.op = Op::attention;
    result.formats = one.format_text();
    result.sizes = one.text();
    return result;
}

Result<void> verify_attention(Session& session, const AttentionCase& one, std::uint64_t seed,
                              CaseResult& result) {
    TUFF_TRY(problem, AttentionProblem::create(session, one, seed, 0));
    result.variant = problem.plan().describe();
    TUFF_CHECK(run_once(session, problem));
    constexpr std::uint64_t kReferenceWork = 50'000'000;
    TUFF_TRY(check, problem.check({kReferenceWork, seed}));
    return accept(check, result);
}

}  // namespace

Result<CaseResult> measure_attention(Session& session, const AttentionCase& one,
                                     const MeasureOptions& options) {
    return measured(session, describe(one), [&](CaseResult& result) -> Result<void> {
        TUFF_TRY(problem, AttentionProblem::create(session, one, options.seed, options.rotation_bytes));
        const AttentionShape& s = one.shape;
        result.variant = problem.plan().describe();
        result.cache_bytes = problem.cache_bytes();
        result.scratch_bytes = problem.scratch_bytes();
        result.bytes = result.cache_bytes + std::uint64_t{s.sequences} * s.tokens * s.heads *
                                                (s.k_head + s.v_head) * sizeof(float);
        result.flops = problem.flops();
        TUFF_CHECK(time_problem(session, problem, options.timing, result));
        constexpr std::uint64_t kReferenceWork = 20'000'000;
        TUFF_TRY(check, problem.check({kReferenceWork, options.seed}));
        return accept(check, result);
    });
}

std::vector<VerifyGroup> attention_groups(const VerifyRequest& request, const host::DeviceSnapshot&) {
    std::vector<VerifyGroup> groups;
    if (!request.op(Op::attention)) return groups;
    for (const CacheKind kind : {CacheKind::lanes, CacheKind::wide}) {
        const std::string kernel = fmt::format("attention_{}", cache_kind_name(kind));
        VerifyGroup group{Op::attention, "-", kernel, kernel, {}};
        for (const AttentionCase& one : verify_attention_cases(kind, request.quick)) {
            CaseResult result = describe(one);
            result.variant = cache_kind_name(kind);
            group.cases.push_back(
                {std::move(result), [one](Session& session, std::uint64_t seed, CaseResult& found) {
                     return verify_attention(session, one, seed, found);
                 }});
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

}  // namespace tuff::bench
