#include "bench/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "backend/mapped_file.hpp"
#include "bench/report.hpp"
#include "bench/statistics.hpp"

namespace tuff::bench {
namespace {

using Json = nlohmann::json;

std::string key_of(std::string_view op, std::string_view format, const std::string& shape,
                   std::string_view label) {
    std::string key(op);
    if (!format.empty()) key += fmt::format(" {}", format);
    if (!shape.empty()) key += fmt::format(" {}", shape);
    if (!label.empty()) key += fmt::format(" ({})", label);
    return key;
}

std::string text_of(const Json& row, const char* field) {
    const Json& value = row.at(field);
    return value.is_null() ? std::string() : value.get<std::string>();
}

// Throws nlohmann::json::exception.
SavedRun read_run(std::string_view json) {
    const Json root = Json::parse(json);
    SavedRun run;
    run.device = root.at("device").at("name").get<std::string>();
    const auto roof = [&](const char* field) {
        const Json& value = root.at("roofs").at(field);
        return value.is_null() ? 0.0 : value.get<double>();
    };
    run.roofs = {roof("read_gbps"), roof("copy_gbps"), roof("gflops")};
    for (const Json& row : root.at("rows")) {
        SavedRun::Row saved;
        saved.samples_us = row.at("samples_us").get<std::vector<double>>();
        if (saved.samples_us.empty()) continue;
        std::string sizes;
        if (const Json& s = row.at("shape"); s.is_string()) {
            sizes = s.get<std::string>();
        } else if (!s.is_null()) {
            MatmulShape shape;
            shape.m = s.at("m").get<std::uint64_t>();
            shape.n = s.at("n").get<std::uint64_t>();
            shape.k = s.at("k").get<std::uint64_t>();
            shape.batches = s.at("batches").get<std::uint64_t>();
            shape.w_batches = s.at("w_batches").get<std::uint64_t>();
            sizes = shape_text(shape);
        }
        const auto work = [&](const char* field) {
            const Json& value = row.at(field);
            return value.is_null() ? std::uint64_t{0} : value.get<std::uint64_t>();
        };
        saved.bytes = work("bytes");
        saved.flops = work("flops");
        saved.key =
            key_of(row.at("op").get<std::string>(), text_of(row, "format"), sizes, text_of(row, "label"));
        run.rows.push_back(std::move(saved));
    }
    return run;
}

// The larger of a / b and b / a, minus 1; 0 where either is missing.
double drift(double a, double b) {
    return a > 0 && b > 0 ? std::max(a / b, b / a) - 1 : 0;
}

// The old samples for as much work as one execution does now: the kernels that measure roofs are chosen anew
// in every run, and may do more or less at once.
std::vector<double> for_same_work(const SavedRun::Row& old, const CaseResult& now) {
    double ratio = 1;
    if (old.flops > 0 && now.flops > 0)
        ratio = static_cast<double>(now.flops) / static_cast<double>(old.flops);
    else if (old.bytes > 0 && now.bytes > 0)
        ratio = static_cast<double>(now.bytes) / static_cast<double>(old.bytes);
    std::vector<double> samples = old.samples_us;
    for (double& us : samples) us *= ratio;
    return samples;
}

Change judge(RowChange& row, std::span<const double> old_us, std::span<const double> new_us,
             double least_effect) {
    row.old_us = summarize(old_us).median;
    row.new_us = summarize(new_us).median;
    row.p = mann_whitney_p(old_us, new_us);
    if (drift(row.old_us, row.new_us) <= least_effect) return Change::none;
    constexpr std::size_t kEnough = 5;  // with fewer no difference can be significant
    if (row.p >= kSignificance)
        return std::min(old_us.size(), new_us.size()) < kEnough ? Change::unclear : Change::none;
    return row.new_us > row.old_us ? Change::slower : Change::faster;
}

std::string_view change_text(Change change) {
    switch (change) {
        case Change::none:
            return "same";
        case Change::faster:
            return "faster";
        case Change::slower:
            return "SLOWER";
        case Change::unclear:
            return "unclear";
        case Change::only_old:
            return "not measured now";
        case Change::only_new:
            return "not in the old run";
    }
    return "";
}

}  // namespace

std::string row_key(const CaseResult& result) {
    return key_of(op_name(result.op), format_text(result), shape_text(result), result.label);
}

Result<SavedRun> parse_run(std::string_view json, std::string_view name) {
    try {
        return read_run(json);
    } catch (const Json::exception& error) {
        return fail(ErrorCode::malformed, "{}: not a run saved by 'tuff bench --json': {}", name,
                    error.what());
    }
}

Result<SavedRun> load_run(const std::string& file) {
    TUFF_TRY(mapped, MappedFile::open(file));
    const auto bytes = mapped.bytes();
    return parse_run({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

Comparison compare_runs(const SavedRun& old, const Roofs& roofs, std::span<const CaseResult> results,
                        double least_effect) {
    Comparison comparison;
    comparison.least_effect =
        std::max({least_effect, drift(old.roofs.read_gbps, roofs.read_gbps),
                  drift(old.roofs.copy_gbps, roofs.copy_gbps), drift(old.roofs.gflops, roofs.gflops)});
    std::vector<std::string> measured;
    for (const CaseResult& result : results) {
        if (result.samples_us.empty()) continue;
        RowChange row{row_key(result), Change::only_new, 0, summarize(result.samples_us).median, 1};
        measured.push_back(row.key);
        if (const auto same = std::ranges::find(old.rows, row.key, &SavedRun::Row::key);
            same != old.rows.end()) {
            row.change = judge(row, for_same_work(*same, result), result.samples_us, comparison.least_effect);
            comparison.matched++;
        }
        if (row.change == Change::slower) comparison.slower++;
        comparison.rows.push_back(std::move(row));
    }
    for (const SavedRun::Row& row : old.rows)
        if (std::ranges::find(measured, row.key) == measured.end())
            comparison.rows.push_back({row.key, Change::only_old, summarize(row.samples_us).median, 0, 1});
    return comparison;
}

std::string comparison_text(const Comparison& comparison) {
    std::string text;
    std::size_t width = 0;
    for (const RowChange& row : comparison.rows) width = std::max(width, row.key.size());
    for (const RowChange& row : comparison.rows) {
        text += fmt::format("{:<{}}  ", row.key, width);
        if (row.old_us > 0 && row.new_us > 0)
            text += fmt::format("{:>9} -> {:>9}  {:+6.1f} %  p {:.3f}  ", time_text(row.old_us),
                                time_text(row.new_us), (row.new_us / row.old_us - 1) * 100, row.p);
        text += fmt::format("{}\n", change_text(row.change));
    }
    const auto faster = std::ranges::count(comparison.rows, Change::faster, &RowChange::change);
    text += fmt::format("{} of {} rows slower, {} faster, beyond noise (p < {}, and more than {:.1f} %)\n",
                        comparison.slower, comparison.matched, faster, kSignificance,
                        comparison.least_effect * 100);
    return text;
}

}  // namespace tuff::bench
