// Writes GGUF files (version 3), tensor after tensor, so that a model need never be in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf_value.hpp"
#include "backend/output_file.hpp"
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

// A file being written, as OutputFile does it: it appears when finish() succeeds.
class GgufWriter {
  public:
    // Writes the head of the file, and reserves the space of all of it. Offsets follow from the order of the
    // tensors. `alignment`: a power of two; where it is not the default of 32 the keys have to state it
    // (general.alignment). Errors: those of OutputFile, among them a full disk; those of
    // GgufTensorToWrite::bytes().
    [[nodiscard]] static Result<GgufWriter> create(const std::string& path,
                                                   std::span<const GgufKeyToWrite> keys,
                                                   std::span<const GgufTensorToWrite> tensors,
                                                   std::uint32_t alignment = 32);

    // The next bytes of the data: tensors in order, each in as many pieces as one likes. Padding between them
    // is written where it belongs. Errors: `io`; `internal` for more bytes than were announced.
    [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);

    // Error `internal` if bytes are missing.
    [[nodiscard]] Result<void> finish();

    // Of the whole file.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  private:
    GgufWriter(OutputFile file, std::uint32_t alignment, std::vector<std::uint64_t> tensor_bytes,
               std::uint64_t size)
        : file_(std::move(file)),
          alignment_(alignment),
          tensor_bytes_(std::move(tensor_bytes)),
          size_(size) {}
    [[nodiscard]] Result<void> put(std::span<const std::byte> bytes);
    [[nodiscard]] Result<void> pad();

    OutputFile file_;
    std::uint32_t alignment_;
    std::vector<std::uint64_t> tensor_bytes_;
    std::size_t tensor_ = 0;            // the one being written
    std::uint64_t tensor_written_ = 0;  // of its bytes
    std::uint64_t written_ = 0;         // of the file
    std::uint64_t size_;
};

}  // namespace tuff
