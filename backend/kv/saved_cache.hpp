// The file of a saved KV cache: which layers in which formats, which tokens, and their rows as encode_row
// writes them, whatever the layout was.
//
//   "TUFFKV1\n", u32 layers, u32 sequences
//   of each layer: u32 KV heads, u64 window, u32 parts; of K, then V: 16 bytes of format name, u32 rotation,
//     u32 head size (0: not kept)
//   of each sequence: u64 tokens, i32 position of each
//   of each sequence, layer and part: u64 first and u64 end token that the part holds; rows of K, then of V,
//     each [KV head][token]
//   u64 CRC-64/XZ of everything before
//
// Little-endian, no padding.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/kv/cache_format.hpp"
#include "backend/kv/rotation.hpp"

namespace tuff {

struct SavedSide {
    const CacheFormat* format = nullptr;  // nullptr: not kept
    Rotation rotation{};
    std::uint32_t head_dim = 0;

    // Bytes of a row in a part: all but the first are f16.
    [[nodiscard]] std::uint64_t row_bytes(std::size_t part) const;
    friend bool operator==(const SavedSide&, const SavedSide&) = default;
};

struct SavedLayer {
    std::uint32_t kv_heads = 0;
    std::uint64_t window = 0;
    std::uint32_t parts = 0;
    SavedSide k, v;
    friend bool operator==(const SavedLayer&, const SavedLayer&) = default;
};

// What a part holds of a sequence; the spans point into the file's bytes.
struct SavedRows {
    std::uint64_t begin = 0, end = 0;
    std::span<const std::byte> k, v;
};

// CRC-64/XZ, which finds every change of up to 64 neighbouring bits.
[[nodiscard]] std::uint64_t saved_cache_checksum(std::span<const std::byte> bytes);

struct SavedCache {
    std::vector<SavedLayer> layers;
    std::vector<std::vector<std::int32_t>> sequences;  // positions, ascending
    std::vector<SavedRows> rows;                       // [sequence][layer][part]

    // Error `malformed`, naming `name`: anything in `bytes` that is not as above. The bytes must outlive it.
    static Result<SavedCache> parse(std::span<const std::byte> bytes, std::string_view name);
    // The whole file.
    [[nodiscard]] std::string text() const;
};

}  // namespace tuff
