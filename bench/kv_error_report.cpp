// What `tuff bench --op kv-error` prints and writes.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "backend/text_output.hpp"
#include "bench/bench.hpp"
#include "bench/kv_error.hpp"
#include "bench/report.hpp"

namespace tuff::bench {
namespace {

Result<std::vector<const CacheFormat*>> chosen_formats(std::string_view names, std::uint32_t head_dim) {
    if (!names.empty()) return parse_cache_formats(names);
    std::vector<const CacheFormat*> chosen;
    for (const CacheFormat& format : cache_formats())
        if (format.check(head_dim)) chosen.push_back(&format);
    // Where none takes it, the message says why.
    if (chosen.empty()) TUFF_CHECK(cache_formats().front().check(head_dim));
    return chosen;
}

// One size of those given with an option, or the default.
Result<void> take_size(const std::vector<std::uint64_t>& given, const char* option, std::uint32_t& size) {
    constexpr std::uint64_t kMost = 16384;
    if (given.empty()) return {};
    if (given.size() > 1 || given.front() == 0 || given.front() > kMost)
        return fail(ErrorCode::usage, "kv-error takes one size from 1 to {} with {}", kMost, option);
    size = static_cast<std::uint32_t>(given.front());
    return {};
}

Result<KvErrorOptions> error_options(const BenchOptions& options) {
    const SelectionOptions& what = options.selection;
    if (what.ops != "kv-error") return fail(ErrorCode::usage, "--op kv-error stands by itself");
    const std::pair<bool, const char*> foreign[] = {
        {!what.preset.empty(), "--preset"},          {!what.model.empty(), "--model"},
        {!what.tensors.empty(), "--tensor"},         {what.batches != 1, "--batches"},
        {!options.algorithm.empty(), "--algorithm"}, {!options.csv.empty(), "--csv"},
        {!options.compare.empty(), "--compare"},     {options.list, "--list"}};
    for (const auto& [given, option] : foreign)
        if (given) return fail(ErrorCode::usage, "{} means nothing to kv-error", option);
    if (options.markdown && options.json == "-")
        return fail(ErrorCode::usage, "--md and --json - both want standard output");
    KvErrorOptions out;
    out.seed = options.seed;
    TUFF_CHECK(take_size(what.k, "-k", out.head_dim));
    TUFF_CHECK(take_size(what.m, "-m", out.positions));
    TUFF_CHECK(take_size(what.n, "-n", out.queries));
    return out;
}

constexpr std::string_view kAbout[] = {
    "independent normal values",
    "Student's t, 3 degrees of freedom: a few values are very large",
    "1 channel in 32 is 20 times larger",
    "1 channel in 32 has a constant offset of 30",
};

std::string table(std::span<const KvErrorRow> rows, const KvErrorOptions& options, bool markdown) {
    std::string text = fmt::format(
        "heads of {} values, {} positions, {} queries; K and V in the format\n"
        "K, V: squared error over square; logits: rms error; outputs: rms error over rms; +ends: outputs "
        "with the first {}\n"
        "and the last {} positions in f16\n",
        options.head_dim, options.positions, options.queries, KvErrorRow::kSinks, KvErrorRow::kRecent);
    const KvErrorRow* before = nullptr;
    for (const KvErrorRow& row : rows) {
        if (before == nullptr || before->data != row.data) {
            text +=
                fmt::format("\n{}: {}\n", kv_data_name(row.data), kAbout[static_cast<std::size_t>(row.data)]);
            text += markdown ? "\n| format | rotation | bits | K | V | logits | outputs | +ends |\n"
                               "|---|---|--:|--:|--:|--:|--:|--:|\n"
                             : fmt::format("{:<8}{:<17}{:>6}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "format",
                                           "rotation", "bits", "K", "V", "logits", "outputs", "+ends");
        }
        const KvProblem::Error& error = row.error;
        const auto format = [&](const char* pattern) {
            return fmt::format(fmt::runtime(pattern), row.format->name, rotation_name(row.rotation), row.bits,
                               error.k, error.v, error.logits, error.outputs, row.outputs_with_ends);
        };
        text += format(markdown ? "| {} | {} | {:.3f} | {:.2e} | {:.2e} | {:.2e} | {:.2e} | {:.2e} |\n"
                                : "{:<8}{:<17}{:>6.3f}{:>10.2e}{:>10.2e}{:>10.2e}{:>10.2e}{:>10.2e}\n");
        before = &row;
    }
    return text;
}

std::string json_text(std::span<const KvErrorRow> rows, const KvErrorOptions& options,
                      const std::vector<std::string>& command_line) {
    using Json = nlohmann::ordered_json;
    Json root = {
        {"tuff", TUFF_VERSION},         {"command_line", command_line},   {"seed", options.seed},
        {"head_dim", options.head_dim}, {"positions", options.positions}, {"queries", options.queries},
        {"sinks", KvErrorRow::kSinks},  {"recent", KvErrorRow::kRecent},  {"rows", Json::array()}};
    for (const KvErrorRow& row : rows)
        root["rows"].push_back(
            {{"op", "kv-error"},
             {"data", kv_data_name(row.data)},
             {"format", row.format->name},
             {"rotation", rotation_name(row.rotation)},
             {"default_rotation", row.format->rotates == (row.rotation == tuff::Rotation::hadamard) &&
                                      row.rotation != tuff::Rotation::signed_hadamard},
             {"bits_per_value", row.bits},
             {"nmse_k", row.error.k},
             {"nmse_v", row.error.v},
             {"logits_rms", row.error.logits},
             {"outputs_relative", row.error.outputs},
             {"outputs_relative_with_ends", row.outputs_with_ends}});
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

Result<int> run_kv_error(const BenchOptions& options) {
    TUFF_TRY(what, error_options(options));
    TUFF_TRY(formats, chosen_formats(options.selection.formats, what.head_dim));
    TUFF_CHECK(check_target(options.json));
    TUFF_TRY(rows, measure_kv_errors(formats, what));
    if (!options.json.empty())
        TUFF_CHECK(write_text(options.json, json_text(rows, what, options.command_line)));
    if (options.json != "-") TUFF_CHECK(write_text("-", table(rows, what, options.markdown)));
    return 0;
}

}  // namespace tuff::bench
