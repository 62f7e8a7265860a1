// What goes wrong with one case alone becomes its status; the run goes on.
#pragma once

#include <tuff/result.hpp>

#include <new>

#include "bench/case.hpp"

namespace tuff::bench {

// Runs `work`, which gives a Result<void>, and turns its error into the result's status and reason. What lies
// beyond a limit of this device cannot be wrong on it: that is `unsupported`.
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

}  // namespace tuff::bench
