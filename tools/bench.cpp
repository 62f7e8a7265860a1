#include "bench/bench.hpp"

#include <fmt/format.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "backend/kv/cache_format.hpp"
#include "backend/model/presets.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"

namespace tuff::tools {
namespace {

CLI::Option* add_sizes(CLI::App& command, const char* name, std::vector<std::uint64_t>& sizes,
                       const char* about) {
    return command.add_option(name, sizes, about)
        ->delimiter(',')
        ->check(check_size)
        ->type_name("SIZE,..")
        ->allow_extra_args(false);
}

void add_what(CLI::App& command, bench::BenchOptions& options) {
    constexpr const char* kGroup = "What to measure";
    bench::SelectionOptions& what = options.selection;
    command
        .add_option(
            "--op", what.ops,
            "matvec (n up to 8), matmul (any n), matmul_id (by expert), attention (over a KV cache); "
            "get_rows (n rows looked up in m x k weights), convert (m rows of k to plain numbers), quantize "
            "(plain numbers to blocks); copy and fma (the roofs), transfer (between host and device); "
            "several with commas. Or kv-error: what each cache format does to K, V, logits and results, by "
            "itself and without a device; -k is the size of a head (128), -m positions (512), -n queries "
            "(32)")
        ->type_name("OP,..")
        ->group(kGroup);
    command
        .add_option("--format", what.formats,
                    fmt::format("Formats of the weights: {}; with kv-error of the cache: {}", format_names(),
                                cache_format_names()))
        ->type_name("F,..")
        ->group(kGroup);
    add_sizes(command, "-m", what.m, "Rows of the weights: outputs; several with commas")->group(kGroup);
    add_sizes(command, "-n", what.n, "Tokens: columns of the activations; several with commas")
        ->group(kGroup);
    add_sizes(command, "-k", what.k, "Elements of a row: inputs; several with commas")->group(kGroup);
    command.add_option("--batches", what.batches, "Matrices multiplied at once")
        ->check(CLI::Range(1, 65535))
        ->type_name("B")
        ->capture_default_str()
        ->group(kGroup);
    const auto add_count = [&](const char* name, std::uint64_t& count, const char* about) {
        command.add_option(name, count, about)->check(CLI::Range(1, 1024))->type_name("E")->group(kGroup);
    };
    add_count("--experts", what.experts.experts, "Of matmul_id: matrices, each m x k (default: 128)");
    add_count(
        "--used", what.experts.used,
        "Of matmul_id: how many of them each token takes, at random (default: 8, or all where there are "
        "fewer)");
    command
        .add_option("--plain", what.plain,
                    "Of get_rows and convert what rows become, of quantize what they come from: f32, f16, "
                    "bf16; several with commas (default: f32)")
        ->type_name("F,..")
        ->group(kGroup);
    auto* preset = command.add_option("--preset", what.preset,
                                      fmt::format("The matrices of a model: {}", model_preset_names()));
    preset->type_name("NAME")->group(kGroup);
    command.add_option("--model", what.model, "The matrices of this file, one of each type and shape")
        ->type_name("FILE.gguf")
        ->group(kGroup);
    command
        .add_option("--tensor", what.tensors,
                    "With --model: only matrices whose name has this part; may be repeated")
        ->allow_extra_args(false)
        ->type_name("PART")
        ->group(kGroup);
    command
        .add_option("--algorithm", options.algorithm,
                    "Use this kernel instead of the one chosen for the device")
        ->type_name("NAME")
        ->group(kGroup);
    command.add_flag("--list", options.list, "List what would be measured, and every kernel; run nothing")
        ->group(kGroup);
}

void add_attention(CLI::App& command, bench::BenchOptions& options) {
    constexpr const char* kGroup = "Attention (--op attention)";
    bench::AttentionSelection& what = options.attention;
    const auto add_count = [&](const char* name, std::uint32_t& count, const char* about) {
        command.add_option(name, count, about)->check(CLI::Range(1, 1 << 24))->type_name("N")->group(kGroup);
    };
    add_count("--heads", what.heads, "Query heads (default: the preset's, or 32)");
    add_count("--kv-heads", what.kv_heads,
              "Heads of the cache, which they share evenly (default: the preset's, or 8)");
    add_count("--head-dim", what.head_dim,
              "Values of a head, a multiple of 8 (default: the preset's, or 128)");
    add_count("--v-head-dim", what.v_head_dim, "Values of a head of V, where they differ from K's");
    add_sizes(command, "--depth", what.depth, "Positions in the cache; several with commas (default: 8192)")
        ->group(kGroup);
    add_sizes(command, "--batch", what.batch,
              "Queries, the last positions of the cache, each seeing those up to its own; several with "
              "commas (default: 1)")
        ->group(kGroup);
    command
        .add_option("--kv-k", what.kv_k,
                    fmt::format("Formats of K, and of V where --kv-v is not given: {}", cache_format_names()))
        ->type_name("F,..")
        ->group(kGroup);
    command.add_option("--kv-v", what.kv_v, "Formats of V; every combination with K's is measured")
        ->type_name("F,..")
        ->group(kGroup);
    add_count("--recent", what.recent, "The last N positions are kept in f16");
    add_count("--sinks", what.sinks, "The first N positions are kept in f16");
    command
        .add_option(
            "--rotate", what.rotate,
            "on: K and V of formats with codes are rotated, so rotating Q and undoing V's rotation on the "
            "result is part of the work; auto: of formats that a cache rotates by default (default: off)")
        ->check(CLI::IsMember({"off", "on", "auto"}))
        ->type_name("WHEN")
        ->group(kGroup);
    command
        .add_option("--mask", what.mask,
                    "What hides later positions from a query: position, by comparing (default), or f16 or "
                    "f32: a mask in memory, as ggml gives it")
        ->check(CLI::IsMember({"position", "f16", "f32"}))
        ->type_name("HOW")
        ->group(kGroup);
    command.add_flag("--blocks", what.blocks, "A cache of strided GGUF blocks, as ggml lays it out")
        ->group(kGroup);
}

void add_how(CLI::App& command, bench::BenchOptions& options) {
    constexpr const char* kGroup = "How to measure";
    command.add_option("--reps", options.timing.reps, "At least so many samples per row")
        ->check(CLI::Range(1, 10000))
        ->type_name("R")
        ->capture_default_str()
        ->group(kGroup);
    command
        .add_option("--min-time", options.timing.min_time_s,
                    "As many samples as fit into so many seconds per row")
        ->check(CLI::Range(0.0, 3600.0))
        ->type_name("S")
        ->capture_default_str()
        ->group(kGroup);
    command.add_option("--seed", options.seed, "Of the random weights and activations")
        ->capture_default_str()
        ->group(kGroup);
}

void add_reports(CLI::App& command, bench::BenchOptions& options) {
    constexpr const char* kGroup = "Reports";
    command
        .add_option("--json", options.json,
                    "Write every figure and sample to FILE; '-' is standard output, without the table")
        ->type_name("FILE")
        ->group(kGroup);
    command.add_option("--csv", options.csv, "Write a line per row to FILE; '-' as above")
        ->type_name("FILE")
        ->group(kGroup);
    command.add_flag("--md", options.markdown, "Print the table as Markdown")->group(kGroup);
    command
        .add_option("--compare", options.compare,
                    "Say which rows changed beyond noise since --json wrote this file")
        ->type_name("OLD.json")
        ->group(kGroup);
    command
        .add_option("--threshold", options.least_effect,
                    "With --compare: smaller relative changes do not count")
        ->check(CLI::Range(0.0, 10.0))
        ->type_name("X")
        ->capture_default_str()
        ->group(kGroup);
}

}  // namespace

void add_bench(CLI::App& app, const std::vector<std::string>& command_line, std::function<int()>& action) {
    auto options = std::make_shared<bench::BenchOptions>();
    options->command_line = command_line;
    CLI::App* command = app.add_subcommand(
        "bench", "Measure products of quantized weights beside the device's measured roofs");
    add_what(*command, *options);
    add_attention(*command, *options);
    add_how(*command, *options);
    add_reports(*command, *options);
    add_session_options(*command, options->session);
    add_verbose(*command);
    command->footer(
        "Without options: a table in about a minute on a software device. Times are medians; '+-' is half\n"
        "the distance between the 10th and 90th percentile; 'of roof' is the least time the device's own\n"
        "memory and arithmetic rates allow, divided by the time; 'error/bound' is the worst error over\n"
        "the largest one that float32 arithmetic explains (1 or more is wrong).\n"
        "Examples:\n"
        "  tuff bench --preset llama-3.1-8b --format q4_k,q6_k\n"
        "  tuff bench --op matvec --format q8_0 -m 4096 -k 14336 -n 1,2,4,8\n"
        "  tuff bench --op matmul_id --format q4_k -m 14336 -k 4096 --experts 8 --used 2 -n 1,512\n"
        "  tuff bench --op attention --preset qwen2.5-7b --depth 8192,32768 --kv-k q8_0,kv4\n"
        "  tuff bench --model model.gguf --json new.json --compare old.json\n"
        "Exit code: 0, 1 for a wrong result, a regression or a failure, 2 for wrong usage.");
    command->callback([options, &action] {
        action = [options] { return finish("bench", [&] { return bench::run_bench(*options); }); };
    });
}

}  // namespace tuff::tools
