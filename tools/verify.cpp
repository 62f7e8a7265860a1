#include "bench/verify.hpp"

#include <fmt/format.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "backend/format.hpp"
#include "bench/case.hpp"
#include "tools/commands.hpp"
#include "tools/options.hpp"

namespace tuff::tools {

void add_verify(CLI::App& app, const std::vector<std::string>& command_line, std::function<int()>& action) {
    auto options = std::make_shared<bench::VerifyOptions>();
    options->command_line = command_line;
    CLI::App* command =
        app.add_subcommand("verify", "Check every kernel the device can run against a CPU reference");
    command
        ->add_option("--op", options->ops,
                     "Only these: matvec, matmul, matmul_id (by expert), get_rows (rows of weights looked "
                     "up), convert (rows of any format to f32, f16, bf16), quantize (those to blocks), "
                     "attention, copy (buffer copies, and the kernels that read at the memory roof), fma, "
                     "transfer; several with commas")
        ->type_name("OP,..");
    command
        ->add_option("--format", options->formats,
                     fmt::format("Only these formats of weights: {}", format_names()))
        ->type_name("F,..");
    command
        ->add_option("--algorithm", options->algorithms,
                     fmt::format("Only these kernels: {}", bench::algorithm_names()))
        ->type_name("NAME,..");
    command->add_option("--seed", options->seed, "Of the random operands")->capture_default_str();
    command->add_flag("--quick", options->quick,
                      "Fewer shapes: half a minute on a software device instead of minutes");
    command->add_flag("--huge", options->huge, "Also weights of more than 4 GiB, where they fit");
    command
        ->add_option("--json", options->json,
                     "Write every case to FILE; '-' is standard output, without the table")
        ->type_name("FILE");
    add_session_options(*command, options->session);
    add_verbose(*command);
    command->footer(
        "'error/bound' is the worst error of any element over the largest one that float32 arithmetic\n"
        "explains: 1 or more is wrong. Kernels the device cannot run are listed with what it lacks.\n"
        "Exit code: 0, 1 if any case failed, 2 for wrong usage.");
    command->callback([options, &action] {
        action = [options] { return finish("verify", [&] { return bench::run_verify(*options); }); };
    });
}

}  // namespace tuff::tools
