// Compares a run with a saved one: which rows changed beyond noise.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/case.hpp"
#include "bench/roof.hpp"

namespace tuff::bench {

// A run as `tuff bench --json` saved it, as far as a comparison needs it.
struct SavedRun {
    struct Row {
        std::string key;  // row_key
        std::vector<double> samples_us;
        std::uint64_t bytes = 0, flops = 0;  // of one execution
    };
    std::string device;
    Roofs roofs;
    std::vector<Row> rows;  // those that were timed
};

// What makes rows of two runs the same one: op, format, shape and label, as text.
[[nodiscard]] std::string row_key(const CaseResult& result);

// `io`, or `malformed` for what `tuff bench --json` cannot have written; messages begin with the file's name.
[[nodiscard]] Result<SavedRun> load_run(const std::string& file);
[[nodiscard]] Result<SavedRun> parse_run(std::string_view json, std::string_view name);

enum class Change {
    none,  // within noise
    faster,
    slower,
    unclear,   // the medians differ, but there are too few samples to tell
    only_old,  // not measured this time
    only_new,
};

struct RowChange {
    std::string key;
    Change change{};
    double old_us = 0,
           new_us = 0;  // medians; 0 where there is none; the old one for as much work as the new one did
    double p = 1;       // of the Mann-Whitney U test
};

struct Comparison {
    std::vector<RowChange> rows;
    // The least relative difference of medians that counts: the one asked for, or what the roofs themselves
    // changed by between the runs where that is more, for then the machine was another one.
    double least_effect = 0;
    std::size_t matched = 0, slower = 0;
};

// Differences with p below this count.
inline constexpr double kSignificance = 0.01;

// `least_effect`: 0.05 for five percent.
[[nodiscard]] Comparison compare_runs(const SavedRun& old, const Roofs& roofs,
                                      std::span<const CaseResult> results, double least_effect);

// A line per row, and a last one that sums up.
[[nodiscard]] std::string comparison_text(const Comparison& comparison);

}  // namespace tuff::bench
