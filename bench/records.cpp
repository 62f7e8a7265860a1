// The reports for programs.
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <thread>

#include <nlohmann/json.hpp>

#include "bench/report.hpp"
#include "bench/session.hpp"
#include "bench/statistics.hpp"

namespace tuff::bench {
namespace {

using Json = nlohmann::ordered_json;

// Figures that are missing, or that no JSON number can be, are null.
Json number(const std::optional<double>& value) {
    return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}
Json positive(double value) {
    return value > 0 ? Json(value) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json shape_json(const MatmulShape& shape) {
    if (shape.m == 0) return nullptr;
    const MatmulShape s = shape.dense();
    return {{"m", s.m},
            {"n", s.n},
            {"k", s.k},
            {"batches", s.batches},
            {"w_batches", s.w_batches},
            {"x_stride", s.x_stride},
            {"y_stride", s.y_stride}};
}

// What a verified and a measured case have in common.
Json case_json(const CaseResult& result) {
    return {{"op", op_name(result.op)},
            {"format", text_or_null(format_text(result))},
            {"shape", result.sizes.empty() ? shape_json(result.shape) : Json(result.sizes)},
            {"label", text_or_null(result.label)},
            {"variant", text_or_null(result.variant)},
            {"status", status_name(result.status)},
            {"reason", text_or_null(result.reason)},
            {"error_over_bound", number(result.error_over_bound)},
            {"elements_checked", result.elements_checked}};
}

Json row_json(const CaseResult& result) {
    const Summary time = summarize(result.samples_us);
    const bool timed = time.count > 0;
    Json row = case_json(result);
    row["time_us"] = timed ? Json(time.median) : Json(nullptr);
    row["time_us_spread"] = time.count > 1 ? Json(time.spread()) : Json(nullptr);
    row["time_us_min"] = timed ? Json(time.minimum) : Json(nullptr);
    row["gbps"] = number(result.gbps);
    row["gflops"] = number(result.gflops);
    row["roof_fraction"] = number(result.roof_fraction);
    row["bytes"] = result.bytes > 0 ? Json(result.bytes) : Json(nullptr);
    row["flops"] = result.flops > 0 ? Json(result.flops) : Json(nullptr);
    row["rotation_bytes"] = result.rotation_bytes > 0 ? Json(result.rotation_bytes) : Json(nullptr);
    if (result.op == Op::attention) {
        row["cache_bytes"] = result.cache_bytes;
        row["scratch_bytes"] = result.scratch_bytes;
        row["times_f16"] = number(result.times_f16);
    }
    row["samples_us"] = result.samples_us;
    return row;
}

Json device_json(const Environment& environment) {
    const host::DeviceSnapshot& device = environment.device;
    Json features = Json::array();
    for (std::size_t i = 0; i < host::kFeatureCount; i++)
        if (const auto feature = static_cast<host::Feature>(i); device.has(feature))
            features.push_back(feature_name(feature));
    return {{"name", device.name},
            {"type", host::device_type_name(device.type)},
            {"software", host::software(device)},
            {"lowered", environment.lowered},
            {"why", environment.why_device},
            {"driver", device.driver_name},
            {"driver_info", device.driver_info},
            {"driver_version", device.driver_version},
            {"api_version", host::version_text(device.api_version)},
            {"vendor_id", device.vendor_id},
            {"device_id", device.device_id},
            {"subgroup_size", device.subgroup.size},
            {"unified_memory", host::unified(device)},
            {"memory_bytes", host::device_memory_bytes(device)},
            {"features", std::move(features)}};
}

Json head_json(const Environment& environment) {
    return {{"tuff", TUFF_VERSION},
            {"command_line", environment.command_line},
            {"device", device_json(environment)},
            {"cpu_threads", std::thread::hardware_concurrency()},
            {"seed", environment.seed}};
}

std::string dump(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

// Quoted where the text would break the line.
std::string csv_text(std::string_view text) {
    if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + '"';
}

std::string csv_number(const std::optional<double>& value) {
    return value && std::isfinite(*value) ? fmt::format("{}", *value) : "";
}

}  // namespace

Result<void> check_target(const std::string& target) {
    if (target.empty() || target == "-") return {};
    std::error_code ignored;
    const std::filesystem::path path(target), folder = path.has_parent_path() ? path.parent_path() : ".";
    if (std::filesystem::is_directory(path, ignored))
        return fail(ErrorCode::io, "{}: is a directory", target);
    if (!std::filesystem::is_directory(folder, ignored))
        return fail(ErrorCode::io, "{}: there is no directory {}", target, folder.string());
    if (::access(folder.c_str(), W_OK) != 0 && ::access(path.c_str(), W_OK) != 0)
        return fail(ErrorCode::io, "{}: the directory cannot be written to", target);
    return {};
}

std::string bench_json(const Environment& environment, std::span<const CaseResult> results) {
    Json root = head_json(environment);
    const Roofs& roofs = environment.roofs;
    root["roofs"] = {{"read_gbps", positive(roofs.read_gbps)},
                     {"copy_gbps", positive(roofs.copy_gbps)},
                     {"gbps", positive(roofs.gbps())},
                     {"gflops", positive(roofs.gflops)}};
    root["rotation"] = {
        {"wanted_bytes", environment.rotation.bytes},
        {"cache_bytes",
         environment.rotation.cache_bytes > 0 ? Json(environment.rotation.cache_bytes) : Json(nullptr)}};
    root["rows"] = Json::array();
    for (const CaseResult& result : results) root["rows"].push_back(row_json(result));
    return dump(root);
}

std::string bench_csv(std::span<const CaseResult> results) {
    std::string text =
        "op,format,m,n,k,batches,label,variant,status,reason,time_us,time_us_spread,time_us_min,samples,gbps,"
        "gflops,roof_fraction,error_over_bound\n";
    for (const CaseResult& r : results) {
        const Summary time = summarize(r.samples_us);
        const bool timed = time.count > 0;
        const std::string sizes =
            r.shape.m > 0 ? fmt::format("{},{},{},{}", r.shape.m, r.shape.n, r.shape.k, r.shape.batches)
                          : ",,,";
        // What is no product has its shape here.
        const std::string label =
            fmt::format("{}{}{}", r.sizes, r.sizes.empty() || r.label.empty() ? "" : " ", r.label);
        text += fmt::format(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", op_name(r.op), csv_text(format_text(r)), sizes,
            csv_text(label), csv_text(r.variant), status_name(r.status), csv_text(r.reason),
            csv_number(timed ? std::optional(time.median) : std::nullopt),
            csv_number(time.count > 1 ? std::optional(time.spread()) : std::nullopt),
            csv_number(timed ? std::optional(time.minimum) : std::nullopt), time.count, csv_number(r.gbps),
            csv_number(r.gflops), csv_number(r.roof_fraction), csv_number(r.error_over_bound));
    }
    return text;
}

std::string verify_json(const Environment& environment, std::span<const CaseResult> results) {
    Json root = head_json(environment);
    root["cases"] = Json::array();
    std::map<Status, std::uint64_t> counts;
    std::optional<double> worst;
    for (const CaseResult& result : results) {
        root["cases"].push_back(case_json(result));
        counts[result.status]++;
        if (result.error_over_bound) worst = std::max(worst.value_or(0), *result.error_over_bound);
    }
    root["summary"] = {{"pass", counts[Status::pass]},
                       {"fail", counts[Status::fail]},
                       {"unsupported", counts[Status::unsupported]},
                       {"worst_error_over_bound", number(worst)}};
    return dump(root);
}

}  // namespace tuff::bench
