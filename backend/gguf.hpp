// GGUF files (versions 2 and 3): metadata and tensors of a model, checked completely before anything is used.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf_value.hpp"
#include "backend/mapped_file.hpp"
#include "backend/types.hpp"

namespace tuff {

class GgufReader;

// More than any model has (the largest so far have some ten thousand tensors); it bounds the memory that a
// file made of the smallest possible entries can ask for.
inline constexpr std::uint64_t k_max_gguf_keys = std::uint64_t{1} << 20;
inline constexpr std::uint64_t k_max_gguf_tensors = std::uint64_t{1} << 20;

struct GgufKey {
    std::string_view name;  // 1 to 65535 arbitrary bytes, unique in the file
    GgufValue value;
    std::uint64_t offset;  // of the entry in the file, for messages
};

// dims[0] is the contiguous dimension (the row length), a multiple of the type's block. The product of the
// non-zero dimensions is below 2^63, so no product of some of them can wrap. Dimensions from n_dims on are 1.
struct GgufTensor {
    std::string_view name;  // 0 to 63 arbitrary bytes, unique in the file
    const TypeInfo* type;   // never null; not every type is one that Tuff can compute with
    std::uint32_t n_dims;   // 0 (a single element) to 4
    std::array<std::uint64_t, 4> dims;
    std::uint64_t elements;  // 0 if a dimension is 0
    std::uint64_t bytes;
    std::uint64_t
        offset;  // of the data, from the start of the file; a multiple of the alignment after data_offset()
};

// A checked file. Names, strings, arrays and data are views into the file's memory: into the mapping the
// object owns (moving it keeps them valid) or into the memory given to parse().
class GgufFile {
  public:
    // Maps the file and reads everything but the tensors' data. Errors name the file, the key or tensor, the
    // byte offset and the limit that is broken: `io`, `malformed` for a file that contradicts itself,
    // `unsupported` for another version, byte order or tensor type, `out_of_memory`.
    [[nodiscard]] static Result<GgufFile> open(const std::string& path);

    // The same for a file in memory, which must outlive the result and everything taken from it.
    [[nodiscard]] static Result<GgufFile> parse(std::span<const std::byte> bytes,
                                                std::string_view name_for_messages);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }  // escaped for messages
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint32_t version() const noexcept { return version_; }
    [[nodiscard]] std::uint32_t alignment() const noexcept { return alignment_; }
    [[nodiscard]] std::uint64_t data_offset() const noexcept { return data_offset_; }

    // In the order of the file.
    [[nodiscard]] std::span<const GgufKey> keys() const noexcept { return keys_; }
    [[nodiscard]] std::span<const GgufTensor> tensors() const noexcept { return tensors_; }

    // nullptr if there is none; valid as long as this object is.
    [[nodiscard]] const GgufKey* find_key(std::string_view name) const noexcept;
    [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const noexcept;

    // The value of a key as one of the kinds of GgufKind, by the rules of convert(). find() gives nullopt,
    // get() the error `malformed` for a key that is missing; both give that error for a key of another type
    // or out of range.
    template <GgufKind T>
    [[nodiscard]] Result<std::optional<T>> find(std::string_view key) const;
    template <GgufKind T>
    [[nodiscard]] Result<T> get(std::string_view key) const;

    // The bytes of one of this file's tensors; empty for a tensor that does not lie within this file.
    [[nodiscard]] std::span<const std::byte> data(const GgufTensor& tensor) const noexcept;

  private:
    GgufFile() = default;
    Result<void> read();
    Result<void> read_keys(GgufReader& in, std::uint64_t count);
    Result<void> read_tensors(GgufReader& in, std::uint64_t count);
    // `info_at`: where each tensor's info is in the file.
    Result<void> place_tensors(GgufReader& in, std::span<const std::uint64_t> info_at);
    Result<void> check_overlap(GgufReader& in) const;

    MappedFile file_;  // empty when parsed from memory
    std::span<const std::byte> bytes_;
    std::string name_;
    std::uint32_t version_ = 0;
    std::uint32_t alignment_ = 32;
    std::uint64_t data_offset_ = 0;
    std::vector<GgufKey> keys_;
    std::vector<GgufTensor> tensors_;
    std::vector<std::uint32_t> key_order_;  // indices by ascending name
    std::vector<std::uint32_t> tensor_order_;
};

}  // namespace tuff
