// Writes GGUF files (version 3), tensor after tensor, so that a model need never be in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf_value.hpp"
#include "backend/types.hpp"

namespace tuff {

struct GgufKeyToWrite {
    std::string name;
    GgufValue value;  // strings and arrays are views
};

struct GgufTensorToWrite {
    std::string name;
    const TypeInfo* type;
    std::vector<std::uint64_t> dims;  // the row length first; none for a single element

    // Errors as row_bytes(); `malformed` also for a product of dimensions beyond 64 bits.
    [[nodiscard]] Result<std::uint64_t> bytes() const;
};

// A file being written. It appears under its name when finish() succeeds; until then its bytes are in a
// temporary file beside it (a symbolic link stays, what it points to is replaced), which is removed if
// anything fails or the writer goes. Pipes and devices are written directly.
class GgufWriter {
  public:
    // Writes the head of the file, and reserves the space of all of it where the file system can. Offsets
    // follow from the order of the tensors. `alignment`: a power of two; where it is not the default of 32
    // the keys have to state it (general.alignment). Errors: `io` with the path and the system's reason,
    // among them a full disk; those of GgufTensorToWrite::bytes().
    [[nodiscard]] static Result<GgufWriter> create(const std::string& path,
                                                   std::span<const GgufKeyToWrite> keys,
                                                   std::span<const GgufTensorToWrite> tensors,
                                                   std::uint32_t alignment = 32);

    GgufWriter(GgufWriter&& other) noexcept;
    GgufWriter& operator=(GgufWriter&&) = delete;
    GgufWriter(const GgufWriter&) = delete;
    GgufWriter& operator=(const GgufWriter&) = delete;
    ~GgufWriter();

    // The next bytes of the data: tensors in order, each in as many pieces as one likes. Padding between them
    // is written where it belongs. Errors: `io`; `internal` for more bytes than were announced.
    [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);

    // Error `internal` if bytes are missing.
    [[nodiscard]] Result<void> finish();

    // Of the whole file.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  private:
    GgufWriter() = default;
    [[nodiscard]] Result<void> open(const std::string& path);
    [[nodiscard]] Result<void> put(std::span<const std::byte> bytes);
    [[nodiscard]] Result<void> pad();

    std::string path_;     // as the caller said it, for messages
    std::string final_;    // where the file goes
    std::string partial_;  // where it is meanwhile; empty: written directly
    int file_ = -1;
    std::uint32_t alignment_ = 32;
    std::vector<std::uint64_t> tensor_bytes_;
    std::size_t tensor_ = 0;            // the one being written
    std::uint64_t tensor_written_ = 0;  // of its bytes
    std::uint64_t written_ = 0;         // of the file
    std::uint64_t size_ = 0;
};

}  // namespace tuff
