// Options that several subcommands share, and how a command ends.
#pragma once

#include <tuff/result.hpp>

#include <functional>
#include <string>
#include <string_view>

#include "bench/session.hpp"

namespace CLI {
class App;
}

namespace tuff::tools {

// --device, --caps, --shaders, --validation.
void add_session_options(CLI::App& command, bench::SessionOptions& options);

// --verbose, which lets information through to standard error, and twice everything; without it warnings and
// errors.
void add_verbose(CLI::App& command);

// For CLI::Option::check: digits and nothing else. Without it -3 would be read as a huge size.
std::string check_size(const std::string& text);

// Sends the library's messages to standard error.
void start_log();

// Runs a subcommand: its exit code, or that of its error (2 for `usage`, else 1), which goes to standard
// error. Nothing is thrown.
int finish(std::string_view command, const std::function<Result<int>()>& run);

}  // namespace tuff::tools
