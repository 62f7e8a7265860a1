#include "bench/devices.hpp"

#include <memory>

#include <CLI/CLI.hpp>

#include "tools/commands.hpp"
#include "tools/options.hpp"

namespace tuff::tools {

void add_devices(CLI::App& app, std::function<int()>& action) {
    auto options = std::make_shared<bench::DevicesOptions>();
    CLI::App* command =
        app.add_subcommand("devices", "List every Vulkan device: type, memory, features, why not usable");
    command
        ->add_option("--json", options->json, "Write everything to FILE; '-' prints it instead of the text")
        ->type_name("FILE");
    add_session_options(*command, options->session);
    add_verbose(*command);
    command->footer(
        "A device's 'snapshot' in the JSON, with features and limits changed to less, is what --caps takes.\n"
        "Exit code: 0, 1 where no device can be used, 2 for wrong usage.");
    command->callback([options, &action] {
        action = [options] { return finish("devices", [&] { return bench::run_devices(*options); }); };
    });
}

}  // namespace tuff::tools
