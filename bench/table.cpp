// The table for people.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report.hpp"
#include "bench/session.hpp"
#include "bench/statistics.hpp"

namespace tuff::bench {
namespace {

struct Column {
    const char* name;
    int width;
    bool right;
};

constexpr Column kColumns[] = {
    {"op", 8, false},          {"format", 6, false},  {"m x n x k", 17, false}, {"time", 9, true},
    {"+-", 5, true},           {"GB/s", 7, true},     {"GFLOP/s", 8, true},     {"of roof", 7, true},
    {"error/bound", 11, true}, {"kernel", 40, false}, {"what", 0, false},
};
constexpr std::size_t kColumnCount = std::size(kColumns);

std::string line(const std::string (&cells)[kColumnCount], TableStyle style) {
    std::string text;
    for (std::size_t i = 0; i < kColumnCount; i++) {
        const Column& column = kColumns[i];
        if (style == TableStyle::markdown) {
            text += "| ";
            for (const char c : cells[i]) text += c == '|' ? "\\|" : std::string(1, c);
            text += ' ';
        } else if (column.right) {
            text += fmt::format("{:>{}}  ", cells[i], column.width);
        } else {
            text += fmt::format("{:<{}}  ", cells[i], column.width);
        }
    }
    if (style == TableStyle::markdown) return text + "|\n";
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

// Three significant digits, as people write them: 0.123, 12.3, 1234.
std::string figure(double value) {
    if (value == 0) return "0";
    const int digits = std::clamp(2 - static_cast<int>(std::floor(std::log10(std::fabs(value)))), 0, 3);
    return fmt::format("{:.{}f}", value, digits);
}

std::string figure(const std::optional<double>& value) {
    return value ? figure(*value) : "-";
}

std::string percent(double fraction) {
    return fmt::format("{:.{}f} %", fraction * 100, fraction < 0.0995 ? 1 : 0);
}

}  // namespace

std::string time_text(double us) {
    if (us < 1e3) return figure(us) + " us";
    if (us < 1e6) return figure(us * 1e-3) + " ms";
    return figure(us * 1e-6) + " s";
}

std::string table_head(TableStyle style) {
    std::string cells[kColumnCount];
    for (std::size_t i = 0; i < kColumnCount; i++) cells[i] = kColumns[i].name;
    std::string head = line(cells, style);
    if (style == TableStyle::text) return head;
    for (const Column& column : kColumns) head += column.right ? "|--:" : "|---";
    return head + "|\n";
}

std::string table_row(const CaseResult& result, TableStyle style) {
    const Summary time = summarize(result.samples_us);
    std::string what = result.label;
    if (result.times_f16) what += fmt::format("{} x f16", figure(*result.times_f16));
    if (result.status != Status::pass) {
        if (!what.empty()) what += ": ";
        what += fmt::format("{}: {}", status_name(result.status), result.reason);
    }
    const std::string error = result.error_over_bound ? fmt::format("{:.2g}", *result.error_over_bound) : "-";
    const std::string cells[kColumnCount] = {
        std::string(op_name(result.op)),
        format_text(result).empty() ? "-" : format_text(result),
        shape_text(result).empty() ? "-" : shape_text(result),
        time.count > 0 ? time_text(time.median) : "-",
        time.count > 1 ? percent(time.spread() / time.median) : "-",
        figure(result.gbps),
        figure(result.gflops),
        result.roof_fraction ? percent(*result.roof_fraction) : "-",
        error,
        result.variant.empty() ? "-" : result.variant,
        what,
    };
    return line(cells, style);
}

std::string device_line(const Environment& environment) {
    const host::DeviceSnapshot& device = environment.device;
    std::string text =
        fmt::format("{} ({}{}), Vulkan {}, {} {}\n", device.name, kind_text(device),
                    environment.lowered ? ", lowered" : "", host::version_text(device.api_version),
                    device.driver_name, device.driver_info);
    return text;
}

std::string roof_line(const Roofs& roofs) {
    return fmt::format("roofs: reads {} GB/s, copies {} GB/s (read + write), multiply-adds {} GFLOP/s\n",
                       figure(roofs.read_gbps), figure(roofs.copy_gbps), figure(roofs.gflops));
}

}  // namespace tuff::bench
