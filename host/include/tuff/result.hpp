// Errors as values: every fallible function of Tuff returns tuff::Result<T>. Nothing throws across its
// boundary.
#pragma once

#include <fmt/core.h>

#include <expected>
#include <string>
#include <utility>

namespace tuff {

// What kind of failure it is; the command maps `usage` to exit code 2 and everything else to 1.
enum class ErrorCode {
    usage,                 // the caller asked for something impossible: unknown name, bad shape, bad argument
    io,                    // a file could not be opened, read, written or renamed
    malformed,             // a file's contents contradict its format
    unsupported,           // valid, but not with this device, driver or build
    out_of_memory,         // host memory
    out_of_device_memory,  // device memory, or a limit on allocations
    device_lost,           // the device stopped answering; nothing on it can be used any more
    no_loader,             // no Vulkan loader (libvulkan.so.1) on this machine
    no_device,             // a loader, but no device that can be used
    compile,               // a shader did not compile
    cancelled,             // the caller ended it
    internal,              // any other Vulkan failure, or a broken invariant
};

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  // one sentence that names the thing and the limit; no trailing newline
    int vk_result = 0;    // the VkResult behind it, or 0
};

template <class T>
using Result = std::expected<T, Error>;

// return fail(ErrorCode::usage, "unknown format '{}'", name);
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
    return std::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...), 0});
}

// Passes an error of one Result type on as an error of another.
template <class T>
[[nodiscard]] std::unexpected<Error> pass(Result<T>&& failed) {
    return std::unexpected(std::move(failed).error());
}

}  // namespace tuff

// Evaluates a Result expression; returns its error from the enclosing function, or binds its value to `var`.
#define TUFF_TRY(var, expression)                                    \
    auto var##_result = (expression);                                \
    if (!var##_result) return ::tuff::pass(std::move(var##_result)); \
    auto& var = *var##_result

// The same for Result<void>, or where the value is not wanted.
#define TUFF_CHECK(expression)                                               \
    do {                                                                     \
        auto checked_result = (expression);                                  \
        if (!checked_result) return ::tuff::pass(std::move(checked_result)); \
    } while (false)
