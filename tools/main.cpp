// `tuff`: the command. Subcommands register themselves; this file parses and ends.
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/commands.hpp"
#include "tools/inspect.hpp"
#include "tools/options.hpp"
#include "tools/plan.hpp"

namespace {

constexpr int kUsage = 2;

int run(int argc, char** argv) {
    tuff::tools::start_log();
    CLI::App app{"Heavy parts of quantized language models on any Vulkan 1.3 device", "tuff"};
    app.set_version_flag("--version", "tuff " TUFF_VERSION);
    app.require_subcommand(1);
    const std::vector<std::string> command_line(argv, argv + argc);
    std::function<int()> action;
    tuff::tools::add_devices(app, action);
    tuff::tools::add_bench(app, command_line, action);
    tuff::tools::add_verify(app, command_line, action);
    tuff::tools::add_inspect(app, action);
    tuff::tools::add_plan(app, action);
    tuff::tools::add_load(app, action);
    tuff::tools::add_quantize(app, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Prints help to standard output, everything else to standard error.
        return app.exit(error) == 0 ? 0 : kUsage;
    }
    return action();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tuff: %s\n", error.what());
        return 1;
    }
}
