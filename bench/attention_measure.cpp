#include "bench/attention_measure.hpp"

#include <new>
#include <utility>

namespace tuff::bench {
namespace {

CaseResult describe(const AttentionCase& one) {
    CaseResult result;
    result.op = Op::attention;
    result.formats = one.format_text();
    result.sizes = one.text();
    return result;
}

// Runs `work` and turns what goes wrong with this case alone into its status.
template <class Work>
void guarded(CaseResult& result, const Work& work) {
    Result<void> done;
    try {
        done = work();
    } catch (const std::bad_alloc&) {
        done = fail(ErrorCode::out_of_memory, "not enough host memory for the operands");
    }
    if (done) return;
    const ErrorCode code = done.error().code;
    const bool beyond =
        code == ErrorCode::unsupported || code == ErrorCode::usage || code == ErrorCode::out_of_device_memory;
    result.status = beyond ? Status::unsupported : Status::fail;
    result.reason = done.error().message;
}

Result<void> check(AttentionProblem& problem, const CheckOptions& options, CaseResult& result) {
    TUFF_TRY(check, problem.check(options));
    result.error_over_bound = check.error_over_bound;
    result.elements_checked = check.elements_checked;
    if (!check.failure.empty()) return fail(ErrorCode::internal, "{}", check.failure);
    return {};
}

}  // namespace

Result<CaseResult> measure_attention(Session& session, const AttentionCase& one,
                                     const MeasureOptions& options) {
    CaseResult result = describe(one);
    guarded(result, [&]() -> Result<void> {
        TUFF_TRY(problem, AttentionProblem::create(session, one, options.seed, options.rotation_bytes));
        const AttentionShape& s = one.shape;
        result.variant = problem.plan().describe();
        result.cache_bytes = problem.cache_bytes();
        result.scratch_bytes = problem.plan().scratch_bytes;
        result.bytes = result.cache_bytes + std::uint64_t{s.sequences} * s.tokens * s.heads *
                                                (s.k_head + s.v_head) * sizeof(float);
        result.flops = problem.flops();
        result.rotation_bytes = problem.rotation_bytes();
        const RecordExecution record = [&](host::Stream& stream, std::size_t set) {
            return problem.record(stream, set);
        };
        TUFF_TRY(timing, time_executions(session.device(), record, problem.sets(), options.timing));
        result.samples_us = std::move(timing.samples_us);
        constexpr std::uint64_t kReferenceWork = 20'000'000;
        return check(problem, {kReferenceWork, options.seed}, result);
    });
    if (session.device().lost())
        return fail(ErrorCode::device_lost, "the device was lost: {}", result.reason);
    return result;
}

CaseResult verify_attention(Session& session, const AttentionCase& one, std::uint64_t seed) {
    CaseResult result = describe(one);
    result.variant = cache_kind_name(one.kind);
    guarded(result, [&]() -> Result<void> {
        TUFF_TRY(problem, AttentionProblem::create(session, one, seed, 0));
        result.variant = problem.plan().describe();
        host::Stream stream(session.device(), "verified");
        TUFF_CHECK(problem.record(stream, 0));
        TUFF_CHECK(stream.finish());
        TUFF_CHECK(stream.run());
        constexpr std::uint64_t kReferenceWork = 50'000'000;
        return check(problem, {kReferenceWork, seed}, result);
    });
    return result;
}

}  // namespace tuff::bench
