// A file's bytes, mapped read-only into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <tuff/result.hpp>

namespace tuff {

// Owns the mapping; moving keeps the address, so views into bytes() stay valid as long as some MappedFile
// holds it. The file must not shrink meanwhile: the system answers a read behind its new end with SIGBUS.
class MappedFile {
  public:
    // Maps a whole regular file. Errors: `io` with the path and the system's reason (missing, no permission,
    // a directory, a pipe or a device), `out_of_memory` where the address space does not suffice.
    [[nodiscard]] static Result<MappedFile> open(const std::string& path);

    MappedFile() = default;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile();

    // Page-aligned; an empty file has an empty span.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return bytes_.size(); }

  private:
    std::span<const std::byte> bytes_;
};

}  // namespace tuff
