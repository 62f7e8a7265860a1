#include "backend/quantize/model.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "backend/printable.hpp"
#include "backend/text_output.hpp"
#include "bench/clock.hpp"
#include "bench/progress.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"
#include "tools/text.hpp"
#include "tools/types_table.hpp"

namespace tuff::tools {
namespace {

struct QuantizeCommand {
    std::string input, output, recipe;
    std::vector<std::string> overrides;
    std::string imatrix;
    unsigned threads = 0;  // 0: one per processor
    bool requantize = false, report = false, allow_nan = false, dry_run = false;
};

bool same_file(const std::string& a, const std::string& b) {
    struct stat of_a {
    }, of_b{};
    return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

std::string shape_text(const GgufTensor& tensor) {
    return fmt::format("[{}]", fmt::join(std::span(tensor.dims).first(tensor.n_dims), ", "));
}

// "fallback", "--tensor", "importance": what else there is to say.
std::string remarks(const PlannedTensor& tensor) {
    std::vector<std::string_view> all;
    if (tensor.overridden) all.emplace_back("--tensor");
    if (tensor.fell_back) all.emplace_back("row length");
    if (tensor.importance && !tensor.copied()) all.emplace_back("importance");
    return fmt::format("{}", fmt::join(all, ", "));
}

std::string plan_text(const ModelPlan& plan) {
    std::vector<std::vector<std::string>> rows = {{"tensor", "shape", "from", "to", "bytes", "why"}};
    for (const PlannedTensor& tensor : plan.tensors) {
        rows.push_back({printable(tensor.from->name), shape_text(*tensor.from),
                        std::string(tensor.from->type->name), std::string(tensor.type->name),
                        grouped(tensor.bytes), remarks(tensor)});
    }
    return table(rows, {0, 1, 2, 3, 5});
}

std::string types_text(const ModelPlan& plan) {
    std::vector<TypeTotal> tensors;
    for (const PlannedTensor& tensor : plan.tensors)
        tensors.push_back({tensor.type, 1, tensor.from->elements, tensor.bytes});
    return types_table(sum_by_type(tensors));
}

std::string summary(const ModelPlan& plan) {
    return fmt::format("\n{}\ntensors          {} -> {}\nbits per weight  {:.3f} -> {:.3f}\n",
                       types_text(plan), size_text(plan.bytes_before()), size_text(plan.bytes_after()),
                       plan.bits_per_weight_before(), plan.bits_per_weight_after());
}

std::vector<std::string> report_row(const TensorResult& result) {
    const PlannedTensor& tensor = *result.tensor;
    const ErrorSums& error = result.report.error;
    const bool measured = error.elements > 0;
    const bool relative = measured && !std::isnan(error.relative_rmse());
    return {printable(tensor.from->name),
            std::string(tensor.from->type->name),
            std::string(tensor.type->name),
            measured ? fmt::format("{:.4g}", error.rmse()) : "-",
            relative ? fmt::format("{:.3f} %", 100 * error.relative_rmse()) : "-",
            measured ? fmt::format("{:.4g}", error.worst) : "-",
            remarks(tensor)};
}

// A bar, how far, how fast, and what is being done.
std::string progress_text(const PlannedTensor& tensor, std::uint64_t done, std::uint64_t total,
                          double seconds) {
    return fmt::format("{}  {:.0f} MB/s  {}", bench::progress_bar(done, total),
                       bench::gbps_of(done, seconds) * 1e3, printable(tensor.from->name));
}

class Run {
  public:
    explicit Run(const QuantizeCommand& command) : command_(command) {}

    Result<int> operator()() {
        const Recipe* recipe = find_recipe(command_.recipe);
        if (recipe == nullptr) {
            return fail(ErrorCode::usage, "unknown recipe '{}'; there are: {}", printable(command_.recipe),
                        recipe_names());
        }
        PlanOptions options;
        options.recipe = recipe;
        options.requantize = command_.requantize;
        for (const std::string& text : command_.overrides) {
            TUFF_TRY(parsed, parse_override(text));
            options.overrides.push_back(std::move(parsed));
        }
        if (same_file(command_.input, command_.output)) {
            return fail(ErrorCode::usage, "{}: is input and output at once",
                        printable(command_.output, k_whole));
        }
        if (same_file(command_.imatrix, command_.output)) {
            return fail(ErrorCode::usage, "{}: is importance matrix and output at once",
                        printable(command_.output, k_whole));
        }
        TUFF_TRY(file, GgufFile::open(command_.input));
        std::optional<ImportanceFile> importance;
        if (!command_.imatrix.empty()) {
            TUFF_TRY(opened, ImportanceFile::open(command_.imatrix));
            importance = std::move(opened);
            options.importance = &*importance;
        }
        TUFF_TRY(plan, plan_model(file, options));
        for (const std::string& note : plan.notes) fmt::print(stderr, "tuff quantize: note: {}\n", note);
        if (command_.dry_run) {
            TUFF_CHECK(write_text("-", plan_text(plan) + summary(plan)));
            return 0;
        }
        TUFF_CHECK(carry_out(file, plan, options.importance));
        return 0;
    }

  private:
    Result<void> carry_out(const GgufFile& file, const ModelPlan& plan, const ImportanceFile* importance) {
        ModelOptions options;
        options.threads =
            command_.threads ? command_.threads : std::max(1u, std::thread::hardware_concurrency());
        options.allow_nan = command_.allow_nan;
        options.measure = command_.report;
        options.importance_path = command_.imatrix;
        const auto start = bench::Clock::now();
        options.progress = [&](const PlannedTensor& tensor, std::uint64_t done) {
            progress_.show(progress_text(tensor, done, plan.bytes_before(), bench::seconds_since(start)));
        };
        options.done = [&](const TensorResult& result) { add(result); };
        const auto done = quantize_model(file, plan, command_.output, importance, options);
        progress_.clear();
        for (const std::string& warning : warnings_)
            fmt::print(stderr, "tuff quantize: warning: {}\n", warning);
        if (!done) return done;
        std::string text;
        if (command_.report) text += table(rows_, {0, 1, 2, 6});
        text += summary(plan);
        text += fmt::format("time             {:.2f} s with {} thread{}\n", bench::seconds_since(start),
                            options.threads, options.threads == 1 ? "" : "s");
        return write_text("-", text);
    }

    void add(const TensorResult& result) {
        const QuantizeReport& report = result.report;
        const std::string name = printable(result.tensor->from->name);
        if (report.non_finite != 0) {
            warnings_.push_back(fmt::format("'{}' has {} values that are not finite, the first at element {}",
                                            name, report.non_finite, report.first_non_finite));
        }
        if (report.too_large != 0) {
            warnings_.push_back(fmt::format("'{}' has {} values beyond what {} can hold; they were clamped",
                                            name, report.too_large, result.tensor->type->name));
        }
        if (command_.report) rows_.push_back(report_row(result));
    }

    const QuantizeCommand& command_;
    bench::Progress progress_;
    std::vector<std::string> warnings_;
    std::vector<std::vector<std::string>> rows_ = {
        {"tensor", "from", "to", "rmse", "relative", "worst", "why"}};
};

}  // namespace

void add_quantize(CLI::App& app, std::function<int()>& action) {
    auto options = std::make_shared<QuantizeCommand>();
    CLI::App* command = app.add_subcommand("quantize", "Quantize a GGUF model by a recipe");
    command->add_option("input", options->input, "The model, in f32, f16 or bf16 (others with --requantize)")
        ->required()
        ->type_name("IN.gguf");
    command->add_option("output", options->output, "Where the result goes; replaced only when it is complete")
        ->required()
        ->type_name("OUT.gguf");
    command->add_option("recipe", options->recipe, fmt::format("One of: {}", recipe_names()))
        ->required()
        ->type_name("RECIPE");
    command
        ->add_option("--tensor", options->overrides,
                     "Tensors whose name REGEX is found in become TYPE, whatever the recipe says; may be "
                     "repeated, the last that matches counts")
        ->type_name("REGEX=TYPE")
        ->allow_extra_args(false);
    command
        ->add_option("--imatrix", options->imatrix,
                     "Weigh errors by this importance matrix, a GGUF file that llama-imatrix wrote")
        ->type_name("FILE");
    command->add_option("--threads,-t", options->threads, "How many threads encode; 0: one per processor")
        ->type_name("N")
        ->capture_default_str();
    command->add_flag("--requantize", options->requantize,
                      "Accept tensors that are quantized already; their error adds up");
    command->add_flag("--allow-nan", options->allow_nan,
                      "Accept values that are not finite: in blocks NaN becomes 0, an infinity the largest "
                      "number the block can hold");
    command->add_flag("--report", options->report, "Measure and list the error of every tensor");
    command->add_flag("--dry-run", options->dry_run,
                      "Only list what each tensor would become, and the sizes; nothing is written");
    command->footer(
        "Recipes choose types per tensor as llama.cpp's do; q3_k, q4_k and q5_k stand for the _m recipes.\n"
        "Metadata are kept; general.file_type and general.quantization_version are set. The same input\n"
        "gives the same bytes on every machine and with any number of threads.\n"
        "Exit code: 0, 1 for files that cannot be read or written or hold NaNs, 2 for wrong usage, which\n"
        "includes a model that is quantized already, rows that nothing fits and an importance matrix of\n"
        "another model.");
    command->callback([options, &action] {
        action = [options] { return finish("quantize", [&] { return Run(*options)(); }); };
    });
}

}  // namespace tuff::tools
