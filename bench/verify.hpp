// `tuff verify`: every kernel variant a device can run, over shapes and data that provoke mistakes, against
// the CPU reference.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/session.hpp"

namespace tuff::bench {

struct VerifyOptions {
    SessionOptions session;
    std::string ops, formats, algorithms;  // comma-separated names; empty: all
    std::uint64_t seed = 1;
    bool quick = false;                     // fewer shapes and kernel variants
    bool huge = false;                      // weights beyond 4 GiB as well
    std::string json;                       // where to; "-": standard output, which then holds nothing else
    std::vector<std::string> command_line;  // for the report
};

// Prints a line per kernel and op, and every failure, then writes the report. Gives the exit code: 0, or 1
// where a case failed. Errors: `usage` for unknown names, those of Session::open, and device_lost.
Result<int> run_verify(const VerifyOptions& options);

}  // namespace tuff::bench
