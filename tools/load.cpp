// `tuff load`: brings a model's weights to where they belong, and says how fast.
#include <fmt/format.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "backend/matmul_plan.hpp"
#include "backend/text_output.hpp"
#include "bench/load_model.hpp"
#include "bench/progress.hpp"
#include "host/bytes.hpp"
#include "tools/commands.hpp"
#include "tools/interrupt.hpp"
#include "tools/load_report.hpp"
#include "tools/options.hpp"

namespace tuff::tools {
namespace {

struct LoadCommand {
    bench::LoadModelOptions load;
    std::string way = "auto";
    std::string budget;  // empty: what is free
    bench::SessionOptions session;
    std::string json;  // empty: none; "-": standard output, instead of the text
};

Result<int> run_load(const LoadCommand& command) {
    bench::LoadModelOptions options = command.load;
    if (command.way != "auto") {
        TUFF_TRY(way, parse_load_way(command.way));
        options.way = way;
    }
    if (!command.budget.empty()) {
        TUFF_TRY(bytes, host::parse_bytes(command.budget));
        options.budget = bytes;
    }
    const Interrupt interrupt;
    bench::Progress line;
    TUFF_TRY(session, bench::Session::open(command.session));
    options.stop = [&] { return interrupt.pressed(); };
    options.progress = [&](const LoadProgress& progress) {
        line.show(progress_text(progress));
        return !interrupt.pressed();
    };
    auto measured = bench::load_model(session, options);
    line.clear();
    if (!measured) return pass(std::move(measured));
    LoadModelReport report;
    report.model = options.model;
    report.device =
        fmt::format("{} ({}), memory {}", session.snapshot().name, bench::kind_text(session.snapshot()),
                    host::memory_kind_name(host::memory_kind(session.snapshot())));
    report.layout = layout_name(preferred_layout(session.snapshot()));
    report.transfer_queue = session.device().has_transfer_queue();
    report.measured = std::move(*measured);
    TUFF_CHECK(session.check_validation());
    if (!command.json.empty()) TUFF_CHECK(write_text(command.json, load_json(report)));
    if (command.json != "-") TUFF_CHECK(write_text("-", load_text(report)));
    return 0;
}

}  // namespace

void add_load(CLI::App& app, std::function<int()>& action) {
    auto options = std::make_shared<LoadCommand>();
    CLI::App* command = app.add_subcommand(
        "load", "Load a model's weights as tuff plan places them, and say how fast and where to");
    constexpr const char* kGroup = "What to load";
    command->add_option("FILE", options->load.model, "A GGUF file")->required();
    command
        ->add_option(
            "--way", options->way,
            "How its bytes come: import (direct reads into pages that the device copies from), mapped "
            "(out of a mapping of the file), buffered (reads through the page cache), or auto: what "
            "suits the device and what of the file is in the page cache")
        ->type_name("WAY")
        ->capture_default_str()
        ->group(kGroup);
    command
        ->add_option(
            "--budget", options->budget,
            "Device memory for weights: 8GiB, 24GB, ... What does not fit stays in pinned host memory "
            "and is streamed (default: what the device has free)")
        ->type_name("BYTES")
        ->group(kGroup);
    command
        ->add_option("--threads", options->load.threads,
                     "Threads that arrange weights for the device's kernels (default: one per processor)")
        ->check(CLI::Range(1, 1024))
        ->type_name("N")
        ->group(kGroup);
    command
        ->add_flag("--checksums", options->load.checksums,
                   "XXH64 of every tensor's bytes as they were read, as gguf-hash --xxh64 prints them; where "
                   "experts are streamed, one of each expert's part of a tensor")
        ->group(kGroup);
    constexpr const char* kMeasure = "What to measure";
    command
        ->add_option("--passes", options->load.passes,
                     "Then run through all units so many times, streaming those that are not on the device, "
                     "beside kernels that read every byte once: the rate, and how much the copies hide. Of "
                     "experts only as many as a token uses, chosen at random")
        ->check(CLI::Range(1, 100000))
        ->type_name("N")
        ->group(kMeasure);
    command
        ->add_flag("--rates", options->load.rates,
                   "Then read the file alone, and copy bytes to the device alone, to compare the load with")
        ->group(kMeasure);
    command
        ->add_option("--json", options->json,
                     "Write everything to FILE; '-' is standard output, without the text")
        ->type_name("FILE")
        ->group(kMeasure);
    add_session_options(*command, options->session);
    add_verbose(*command);
    command->footer(
        "Examples:\n"
        "  tuff load model.gguf --rates\n"
        "  tuff load model.gguf --budget 4GiB --passes 10\n"
        "  tuff load model.gguf --checksums --json -\n"
        "Ctrl-C ends a load in order. Exit code: 0, 1 if it does not fit, was cancelled or failed, 2 for\n"
        "wrong usage.");
    command->callback([options, &action] {
        action = [options] { return finish("load", [&] { return run_load(*options); }); };
    });
}

}  // namespace tuff::tools
