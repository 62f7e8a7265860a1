#include "backend/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "backend/printable.hpp"

namespace tuff {
namespace {

std::unexpected<Error> io_error(const std::string& path, std::string_view what, int error) {
    return fail(ErrorCode::io, "{}: cannot {}: {}", printable(path, k_whole), what,
                std::generic_category().message(error));
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path, std::uint64_t bytes) {
    OutputFile file(path);
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) return io_error(path, "write", EISDIR);
    if (exists && !S_ISREG(status.st_mode)) {
        file.file_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (file.file_ < 0) return io_error(path, "open for writing", errno);
        return file;
    }
    std::error_code ignored;
    const std::filesystem::path behind_links = std::filesystem::canonical(path, ignored);
    file.final_ = behind_links.empty() ? path : behind_links.string();
    std::string partial = fmt::format("{}.{}.partial", file.final_, ::getpid());
    file.file_ = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.file_ < 0) return io_error(path, "create", errno);
    file.partial_ = std::move(partial);
#ifdef __linux__
    const int error = bytes > 0 && ::fallocate(file.file_, 0, 0, static_cast<off_t>(bytes)) != 0 ? errno : 0;
    if (error == ENOSPC || error == EFBIG || error == EDQUOT)
        return io_error(path, fmt::format("reserve {} bytes", bytes), error);
#endif
    return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      final_(std::move(other.final_)),
      partial_(std::exchange(other.partial_, {})),
      file_(std::exchange(other.file_, -1)) {}

OutputFile::~OutputFile() {
    if (file_ >= 0) ::close(file_);
    if (!partial_.empty()) ::unlink(partial_.c_str());
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        } else if (errno != EINTR) {
            return io_error(path_, "write", errno);
        }
    }
    return {};
}

Result<void> OutputFile::finish() {
    if (::close(std::exchange(file_, -1)) != 0) return io_error(path_, "write", errno);
    if (partial_.empty()) return {};
    if (::rename(partial_.c_str(), final_.c_str()) != 0) return io_error(path_, "replace", errno);
    partial_.clear();
    return {};
}

}  // namespace tuff
