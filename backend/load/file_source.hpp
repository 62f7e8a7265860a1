// Ranges of a file's bytes, read on request. However the bytes come, a file that shrinks or a disk that fails
// meanwhile is an error, never a signal.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "backend/mapped_file.hpp"

namespace tuff {

enum class ReadWay : std::uint8_t {
    direct,  // past the page cache (O_DIRECT), into aligned memory: a file that is read once leaves the cache
             // alone
    mapped,  // copied out of a mapping of the file
    buffered,  // read() through the page cache
};

// Move-only; one thread at a time.
class FileSource {
  public:
    // Errors: `io` with the path and the system's reason; `unsupported` where the file system has no direct
    // reads.
    static Result<FileSource> open(const std::string& path, ReadWay way);
    FileSource(FileSource&& other) noexcept;
    FileSource& operator=(FileSource&& other) noexcept;
    ~FileSource();

    [[nodiscard]] std::uint64_t size() const { return size_; }  // when it was opened

    // Direct reads need `scratch` aligned to this, and this much more of it than they are asked for.
    static constexpr std::uint64_t kAlignment = 4096;
    [[nodiscard]] static std::uint64_t scratch_bytes(std::uint64_t bytes) { return bytes + 2 * kAlignment; }

    // Bytes [offset, offset + bytes) of the file, read into `scratch` (scratch_bytes(bytes) bytes at a
    // multiple of kAlignment) and valid as long as that is left alone. io: they are not there any more, or
    // cannot be read.
    Result<std::span<const std::byte>> read(std::uint64_t offset, std::uint64_t bytes,
                                            std::span<std::byte> scratch);

  private:
    FileSource() = default;
    Result<std::span<const std::byte>> read_descriptor(std::uint64_t offset, std::uint64_t bytes,
                                                       std::span<std::byte> scratch);
    Result<std::span<const std::byte>> copy_mapping(std::uint64_t offset, std::uint64_t bytes,
                                                    std::span<std::byte> scratch);

    std::string name_;  // for messages
    ReadWay way_ = ReadWay::buffered;
    int descriptor_ = -1;
    MappedFile mapping_;
    std::uint64_t size_ = 0;
};

}  // namespace tuff
