#include "tools/options.hpp"

#include <fmt/format.h>
#include <tuff/log.hpp>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

namespace tuff::tools {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

void to_spdlog(LogLevel level, std::string_view message, void* /*user*/) {
    spdlog::default_logger_raw()->log(level_of(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace

void add_session_options(CLI::App& command, bench::SessionOptions& options) {
    command
        .add_option("--device", options.device,
                    "The device: an index or a part of its name, as 'tuff devices' lists them")
        ->type_name("D")
        ->group("Device");
    command
        .add_option("--caps", options.caps,
                    "Make the device look lesser, as this JSON file says (see 'tuff devices --help')")
        ->type_name("FILE")
        ->group("Device");
    command
        .add_option("--shaders", options.shaders,
                    "Compile kernels from this copy of shaders/ instead of those built in")
        ->type_name("DIR")
        ->group("Device");
    command
        .add_flag("--validation", options.validation,
                  "Run under the Khronos validation layer; fail if it reports anything")
        ->group("Device");
}

void add_verbose(CLI::App& command) {
    command
        .add_flag_function(
            "--verbose,-v",
            [](std::int64_t times) {
                spdlog::default_logger_raw()->set_level(times > 1 ? spdlog::level::debug
                                                                  : spdlog::level::info);
            },
            "Say on standard error which device was chosen and why, its features, kernels and memory; twice: "
            "more")
        ->group("Device");
}

std::string check_size(const std::string& text) {
    constexpr std::size_t kDigits = 18;
    if (!text.empty() && text.size() <= kDigits && text.find_first_not_of("0123456789") == std::string::npos)
        return "";
    return fmt::format("'{}' is not a size", text);
}

void start_log() {
    auto logger = spdlog::stderr_color_mt("tuff");
    logger->set_pattern("%^[%l]%$ %v");
    logger->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(logger));
    set_log_callback(to_spdlog, nullptr);
}

int finish(std::string_view command, const std::function<Result<int>()>& run) {
    try {
        const Result<int> code = run();
        if (code) return *code;
        fmt::print(stderr, "tuff {}: {}\n", command, code.error().message);
        return code.error().code == ErrorCode::usage ? 2 : 1;
    } catch (const std::exception& error) {  // what the standard library throws: no memory, no thread
        std::fprintf(stderr, "tuff %.*s: %s\n", static_cast<int>(command.size()), command.data(),
                     error.what());
        return 1;
    }
}

}  // namespace tuff::tools
