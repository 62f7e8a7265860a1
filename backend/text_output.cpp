#include "backend/text_output.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "backend/printable.hpp"

namespace tuff {
namespace {

std::unexpected<Error> io_error(const std::string& path, std::string_view what, int error) {
    return fail(ErrorCode::io, "{}: cannot {}: {}", printable(path, k_whole), what,
                std::generic_category().message(error));
}

// 0, or the errno of the write or close that failed. Closes `file` in any case.
int write_and_close(int file, std::string_view text) {
    int error = 0;
    while (!text.empty() && error == 0) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (::close(file) != 0 && error == 0) error = errno;
    return error;
}

Result<void> write_stdout(std::string_view text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!whole || std::fflush(stdout) != 0) return io_error("standard output", "write", errno);
    return {};
}

Result<void> write_directly(const std::string& path, std::string_view text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return io_error(path, "open for writing", errno);
    if (const int error = write_and_close(file, text)) return io_error(path, "write", error);
    return {};
}

Result<void> write_and_rename(const std::string& path, std::string_view text) {
    const std::string partial = fmt::format("{}.{}.partial", path, ::getpid());
    const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return io_error(path, "create", errno);
    int error = write_and_close(file, text);
    const bool written = error == 0;
    if (written && ::rename(partial.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return {};
    ::unlink(partial.c_str());
    return io_error(path, written ? "replace" : "write", error);
}

}  // namespace

Result<void> write_text(const std::string& target, std::string_view text) {
    if (target == "-") return write_stdout(text);
    struct stat status {};
    const bool exists = ::stat(target.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) return io_error(target, "write", EISDIR);
    if (exists && !S_ISREG(status.st_mode)) return write_directly(target, text);
    std::error_code ignored;
    const std::filesystem::path behind_links = std::filesystem::canonical(target, ignored);
    return write_and_rename(behind_links.empty() ? target : behind_links.string(), text);
}

}  // namespace tuff
