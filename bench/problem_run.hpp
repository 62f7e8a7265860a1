// How every problem is run, whatever its op. A Problem has record(stream, set), sets() and rotation_bytes(),
// as Product does.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <utility>

#include "bench/guarded.hpp"
#include "bench/session.hpp"
#include "bench/timing.hpp"

namespace tuff::bench {

// Executes set 0 once. The errors of recording and of host::Stream::run.
template <class Problem>
Result<void> run_once(Session& session, Problem& problem) {
    host::Stream stream(session.device(), "verified");
    TUFF_CHECK(problem.record(stream, 0));
    TUFF_CHECK(stream.finish());
    return stream.run();
}

// Times executions over all sets, into `result`. The errors of time_executions.
template <class Problem>
Result<Timing> time_problem(Session& session, Problem& problem, const TimingOptions& options,
                            CaseResult& result) {
    result.rotation_bytes = problem.rotation_bytes();
    const RecordExecution record = [&](host::Stream& stream, std::size_t set) {
        return problem.record(stream, set);
    };
    TUFF_TRY(timing, time_executions(session.device(), record, problem.sets(), options));
    result.samples_us = timing.samples_us;
    return timing;
}

// `result` after `work(result)`, whose error is its status; device_lost is the only error of this.
template <class Work>
Result<CaseResult> measured(Session& session, CaseResult result, const Work& work) {
    guarded(result, [&] { return work(result); });
    if (session.device().lost())
        return fail(ErrorCode::device_lost, "the device was lost: {}", result.reason);
    return result;
}

}  // namespace tuff::bench
