// Reports: the results of a run as a table for people, and as JSON and CSV for programs. Nothing here
// measures.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/case.hpp"
#include "bench/roof.hpp"
#include "bench/rotation.hpp"
#include "host/snapshot.hpp"

namespace tuff::bench {

// What surrounds the rows.
struct Environment {
    host::DeviceSnapshot device;
    std::string why_device;
    bool lowered = false;
    Roofs roofs;
    Rotation rotation;
    std::uint64_t seed = 0;
    std::vector<std::string> command_line;
};

// Lines of fixed width, to be printed as results come.
enum class TableStyle { text, markdown };
[[nodiscard]] std::string table_head(TableStyle style);                           // ends in a newline
[[nodiscard]] std::string table_row(const CaseResult& result, TableStyle style);  // the same
// Device and driver, and the roofs: a line each, for above the table.
[[nodiscard]] std::string device_line(const Environment& environment);
[[nodiscard]] std::string roof_line(const Roofs& roofs);

// "1.23 us", "45.6 ms", "1.20 s".
[[nodiscard]] std::string time_text(double us);

// What `tuff bench --json` writes: {"tuff", "device", "roofs", ..., "rows"}.
[[nodiscard]] std::string bench_json(const Environment& environment, std::span<const CaseResult> results);
// A line of column names, then a line per result; missing figures are empty.
[[nodiscard]] std::string bench_csv(std::span<const CaseResult> results);

// Error `io` where a report could not be written to `target` (as write_text takes it; empty: none) later, as
// far as one can tell without writing: told before minutes are spent on measuring.
[[nodiscard]] Result<void> check_target(const std::string& target);

// What `tuff verify --json` writes: {"tuff", "device", ..., "cases", "summary"}.
[[nodiscard]] std::string verify_json(const Environment& environment, std::span<const CaseResult> results);

}  // namespace tuff::bench
