// Tensor types: how the numbers of a tensor are stored, as GGUF counts them. This table knows sizes only;
// what the bits mean is in backend/formats and shaders/formats, for those types that Tuff can compute with.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <tuff/result.hpp>

namespace tuff {

// A row of n elements is n / block_elements consecutive blocks, without padding in or between rows.
struct TypeInfo {
    std::uint32_t id;              // the number GGUF files use
    std::string_view name;         // GGUF's name in lower case: "q4_k"
    std::uint32_t block_elements;  // elements per block; a row length is a multiple of it
    std::uint32_t block_bytes;     // bytes per block

    [[nodiscard]] constexpr double bits_per_element() const { return 8.0 * block_bytes / block_elements; }
};

// Every type a GGUF file may hold, by ascending id. Static storage.
[[nodiscard]] std::span<const TypeInfo> all_types() noexcept;

// The type with this id or this (lower-case) name; nullptr if there is none. Static storage.
[[nodiscard]] const TypeInfo* find_type(std::uint32_t id) noexcept;
[[nodiscard]] const TypeInfo* find_type(std::string_view name) noexcept;

// As find_type, but never null. Error `unsupported`: the message tells an id that was withdrawn from the
// format (and what it used to be) from one that was never given out.
[[nodiscard]] Result<const TypeInfo*> require_type(std::uint32_t id);

// Bytes of `elements` elements in whole blocks. Error `malformed`: not a multiple of the block, or the number
// of bytes does not fit in 64 bits.
[[nodiscard]] Result<std::uint64_t> row_bytes(const TypeInfo& type, std::uint64_t elements);

}  // namespace tuff
