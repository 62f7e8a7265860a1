// Where the library's messages go: a callback the program sets. The library never prints.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace tuff {

enum class LogLevel { debug, info, warning, error };

// Called from any thread; `message` lives only during the call. nullptr: messages are dropped (the default).
using LogCallback = void (*)(LogLevel level, std::string_view message, void* user);
void set_log_callback(LogCallback callback, void* user);

void log_message(LogLevel level, std::string_view message);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
    log_message(level, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tuff
