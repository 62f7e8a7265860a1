#include "tools/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "backend/gguf.hpp"
#include "backend/matmul_plan.hpp"
#include "backend/model/config.hpp"
#include "backend/model/gguf_model.hpp"
#include "backend/model/presets.hpp"
#include "backend/plan/advise.hpp"
#include "backend/plan/assumed_device.hpp"
#include "backend/plan/weight_types.hpp"
#include "backend/quantize/recipe.hpp"
#include "backend/text_output.hpp"
#include "bench/rates.hpp"
#include "host/bytes.hpp"
#include "host/placement.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/plan_report.hpp"

namespace tuff::tools {
namespace {

Result<Model> read_model(const PlanCommand& command) {
    const int sources = !command.model.empty() + !command.config.empty() + !command.preset.empty();
    if (sources != 1) return fail(ErrorCode::usage, "say which model: one of --model, --config and --preset");
    if (!command.preset.empty()) return preset_model(command.preset);
    if (!command.config.empty()) return read_config(command.config);
    TUFF_TRY(file, GgufFile::open(command.model));
    return gguf_model(file);
}

Result<MemoryPlanOptions> plan_options(const PlanCommand& command) {
    MemoryPlanOptions options;
    options.context = command.context;
    options.sequences = command.sequences;
    options.ubatch = command.ubatch;
    TUFF_TRY(k, require_cache_format(command.cache_k));
    options.cache.k.format = k;
    TUFF_TRY(v, require_cache_format(command.cache_v));
    options.cache.v.format = v;
    options.cache.guard_k_bias = !command.no_key_guard;
    options.flash_attention = command.flash_attention != "off";
    options.rates = command.rates;
    return options;
}

// The device planned for, and what is known of it.
struct Target {
    std::optional<bench::Session> session;  // empty: assumed
    host::DeviceSnapshot device;
    std::uint64_t budget_bytes = 0;
    std::string text;
    std::vector<std::string> notes;
};

Result<Target> open_target(const PlanCommand& command) {
    std::optional<std::uint64_t> given;
    if (!command.budget.empty()) {
        TUFF_TRY(bytes, host::parse_bytes(command.budget));
        given = bytes;
    }
    TUFF_TRY(margin, host::parse_bytes(command.margin));
    Target target;
    if (given && command.session.device.empty() && command.session.caps.empty()) {
        target.device = assumed_gpu(*given);
        target.budget_bytes = host::minus_saturating(*given, margin);
        target.text =
            fmt::format("a GPU with {} of its own; --device plans for a real one", host::bytes_text(*given));
        return target;
    }
    auto session = bench::Session::open(command.session);
    if (!session) {
        session.error().message += "; with --budget a plan needs no device";
        return pass(std::move(session));
    }
    target.session = std::move(*session);
    target.device = target.session->snapshot();
    const std::uint64_t left = host::working_budget(target.device, margin);
    target.budget_bytes = std::min(given ? host::minus_saturating(*given, margin) : left, left);
    if (given && target.budget_bytes < host::minus_saturating(*given, margin))
        target.notes.push_back(
            fmt::format("the device has less left than the budget asks for: {}", host::bytes_text(left)));
    target.text = fmt::format("{} ({}), memory {}", target.device.name, bench::kind_text(target.device),
                              host::memory_kind_name(host::memory_kind(target.device)));
    return target;
}

}  // namespace

Result<int> run_plan(const PlanCommand& command) {
    TUFF_TRY(model, read_model(command));
    TUFF_TRY(options, plan_options(command));
    PlanReport report;
    report.model = &model;
    const bool has_types =
        std::ranges::all_of(model.tensors, [](const ModelTensor& tensor) { return tensor.type != nullptr; });
    const std::string weights = command.weights.empty() && !has_types ? "q4_k_m" : command.weights;
    report.weights = weights.empty() ? "as in the file" : weights;
    TUFF_TRY(types, weight_types(model, weights, command.with_imatrix));
    TUFF_TRY(target, open_target(command));
    options.budget_bytes = target.budget_bytes;
    if (target.session && !command.no_measure) {
        TUFF_TRY(rates, bench::measure_rates(*target.session, options.rates));
        options.rates = rates;
    }
    if (command.advise) {
        TUFF_TRY(advice, advise(model, target.device, options));
        report.advice = std::move(advice);
    }
    auto plan = plan_memory(model, types, target.device, options);
    if (!plan && plan.error().code == ErrorCode::out_of_device_memory && report.advice &&
        report.advice->start)
        plan.error().message += ". " + fmt::format("{}", fmt::join(report.advice->moves, " "));
    if (!plan) return pass(std::move(plan));
    report.plan = std::move(*plan);
    report.options = options;
    report.device = target.text;
    report.layout = layout_name(preferred_layout(target.device));
    report.notes = model.notes;
    for (const auto& more : {target.notes, report.plan.cache.notes})
        report.notes.insert(report.notes.end(), more.begin(), more.end());
    if (!report.plan.weights.without_kernels.empty())
        report.notes.push_back(fmt::format("no kernels for {}: counted as in the file",
                                           fmt::join(report.plan.weights.without_kernels, ", ")));
    if (!command.json.empty()) TUFF_CHECK(write_text(command.json, plan_json(report)));
    if (command.json != "-") TUFF_CHECK(write_text("-", plan_text(report)));
    return 0;
}

namespace {

void add_what(CLI::App& command, PlanCommand& options) {
    constexpr const char* kGroup = "What to plan";
    command.add_option("--model", options.model, "The model in this file")
        ->type_name("FILE.gguf")
        ->group(kGroup);
    command
        .add_option(
            "--config", options.config,
            fmt::format("The model that a config.json of transformers describes: {}", config_architectures()))
        ->type_name("FILE.json")
        ->group(kGroup);
    command
        .add_option("--preset", options.preset, fmt::format("A well-known model: {}", model_preset_names()))
        ->type_name("NAME")
        ->group(kGroup);
    command
        .add_option(
            "--weights", options.weights,
            fmt::format("Weights as tuff quantize makes them by this recipe, instead of those in the file "
                        "(without a file: q4_k_m): {}",
                        recipe_names()))
        ->type_name("RECIPE")
        ->group(kGroup);
    command
        .add_flag("--with-imatrix", options.with_imatrix,
                  "With --weights: as made with an importance matrix, which changes some tensors' types")
        ->group(kGroup);
    command.add_option("--context", options.context, "Tokens of each sequence")
        ->check(check_size)
        ->type_name("N")
        ->capture_default_str()
        ->group(kGroup);
    command.add_option("--sequences", options.sequences, "Sequences at once, each with its own context")
        ->check(check_size)
        ->type_name("S")
        ->capture_default_str()
        ->group(kGroup);
    command.add_option("--ubatch", options.ubatch, "Tokens of a prompt that are computed at once")
        ->check(check_size)
        ->type_name("N")
        ->capture_default_str()
        ->group(kGroup);
    command
        .add_option("--kv-k", options.cache_k,
                    fmt::format("Format of the keys in the cache: {}", cache_format_names()))
        ->type_name("F")
        ->capture_default_str()
        ->group(kGroup);
    command.add_option("--kv-v", options.cache_v, "Format of the values in the cache")
        ->type_name("F")
        ->capture_default_str()
        ->group(kGroup);
    command
        .add_flag("--no-key-guard", options.no_key_guard,
                  "Keys of few bits also where they have a bias, which few bits do not hold")
        ->group(kGroup);
    command.add_option("--flash-attention", options.flash_attention, "off: the scores of a batch are stored")
        ->check(CLI::IsMember({"on", "off"}))
        ->capture_default_str()
        ->group(kGroup);
}

void add_where(CLI::App& command, PlanCommand& options) {
    constexpr const char* kGroup = "For what";
    command
        .add_option(
            "--budget", options.budget,
            "Device memory to plan with: 8GiB, 24GB, ...; alone it needs no device, with --device it is at "
            "most what that one has left")
        ->type_name("BYTES")
        ->group(kGroup);
    command.add_option("--margin", options.margin, "Device memory to leave for others")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group(kGroup);
    command
        .add_flag("--no-measure", options.no_measure,
                  "Do not measure the device's rates; speeds may be unknown")
        ->group(kGroup);
    const auto rate = [&](const char* name, double& value, const char* about) {
        command.add_option(name, value, about)->check(CLI::PositiveNumber)->type_name("X")->group(kGroup);
    };
    rate("--bandwidth", options.rates.memory_gbps, "GB/s of the device's memory, instead of measuring");
    rate("--bus", options.rates.bus_gbps, "GB/s from host memory to the device, instead of measuring");
    rate("--rate", options.rates.gflops, "GFLOP/s of multiply-adds, instead of measuring");
    command
        .add_flag("--advise", options.advise,
                  "List the weights and cache formats that fit, by quality and speed, and where to start")
        ->group(kGroup);
    command
        .add_option("--json", options.json,
                    "Write everything to FILE; '-' is standard output, without the text")
        ->type_name("FILE")
        ->group(kGroup);
}

}  // namespace

void add_plan(CLI::App& app, std::function<int()>& action) {
    auto options = std::make_shared<PlanCommand>();
    CLI::App* command = app.add_subcommand(
        "plan", "Say what of a model fits into device memory, where, and how fast it can be");
    add_what(*command, *options);
    add_where(*command, *options);
    add_session_options(*command, options->session);
    add_verbose(*command);
    command->footer(
        "Bytes are those that loading and running then allocate. Without --budget the plan is for a\n"
        "device of this machine: its memory, the layout its kernels read, its rates, measured in a second\n"
        "or two. Speeds are upper bounds: what the slowest of memory, bus and arithmetic allows at the\n"
        "end of the context.\n"
        "Examples:\n"
        "  tuff plan --preset qwen2.5-7b --context 32768 --budget 8GiB --kv-k q8_0 --kv-v q8_0\n"
        "  tuff plan --model model.gguf --context 8192 --device 0 --advise\n"
        "  tuff plan --config config.json --weights q4_k_m --budget 24GB --bandwidth 900 --rate 40000\n"
        "Exit code: 0, 1 if it does not fit (the message says the least that does) or for a failure, 2\n"
        "for wrong usage.");
    command->callback([options, &action] {
        action = [options] { return finish("plan", [&] { return run_plan(*options); }); };
    });
}

}  // namespace tuff::tools
