// Files that are complete or not there at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <tuff/result.hpp>

namespace tuff {

// A file being written. It appears under its name when finish() succeeds; until then its bytes are in a
// temporary file beside it, which is removed if anything fails or the object goes. So an old file is replaced
// only by a complete new one; a symbolic link stays, what it points to is replaced. Pipes and devices are
// written directly. Errors, of all functions: `io` with the path and the system's reason.
class OutputFile {
  public:
    // Reserves `bytes` where the file system can: better told now that the disk is full than in half an hour.
    [[nodiscard]] static Result<OutputFile> create(const std::string& path, std::uint64_t bytes = 0);

    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&&) = delete;
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
    [[nodiscard]] Result<void> finish();

    // As the caller said it.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    explicit OutputFile(std::string path) : path_(std::move(path)) {}

    std::string path_;
    std::string final_;    // where the file goes
    std::string partial_;  // where it is meanwhile; empty: written directly
    int file_ = -1;
};

}  // namespace tuff
