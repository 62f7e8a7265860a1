// The subcommands. Each add_... registers one; parsing it sets `action` to what is to be run for the exit
// code.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tuff::tools {

void add_bench(CLI::App& app, const std::vector<std::string>& command_line, std::function<int()>& action);
void add_verify(CLI::App& app, const std::vector<std::string>& command_line, std::function<int()>& action);
void add_devices(CLI::App& app, std::function<int()>& action);
void add_quantize(CLI::App& app, std::function<int()>& action);
void add_load(CLI::App& app, std::function<int()>& action);

}  // namespace tuff::tools
