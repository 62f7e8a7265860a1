// `tuff bench`: measures products of weights and activations beside the device's roofs.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/attention_cases.hpp"
#include "bench/selection.hpp"
#include "bench/session.hpp"
#include "bench/timing.hpp"

namespace tuff::bench {

struct BenchOptions {
    SessionOptions session;
    SelectionOptions selection;
    AttentionSelection attention;
    TimingOptions timing;
    std::string algorithm;       // force this one; empty: what the plan chooses
    std::string json, csv;       // where to; "-": standard output, which then holds nothing else
    bool markdown = false;       // the table's style
    std::string compare;         // a saved run
    double least_effect = 0.05;  // relative difference of medians that --compare cares about
    bool list = false;           // print cases and kernels, run nothing
    std::uint64_t seed = 1;
    std::vector<std::string> command_line;  // for the report
};

// Prints rows as they are measured, then writes the reports. Gives the exit code: 0, or 1 where a row failed
// its check or became slower than in the saved run. Errors before the first row: `usage`, and those of
// Session::open, load_run and GgufFile::open.
Result<int> run_bench(const BenchOptions& options);

}  // namespace tuff::bench
