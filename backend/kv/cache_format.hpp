// Formats of a KV cache: what one row (the K or V of one token and one kv head) becomes in the cache.
//
// A cache is never a file that others read, so a row is taken apart into planes: its codes, cut into pieces
// of 8, 4, 2 and 1 bits that unpack with one shift and one mask, its scales and its offsets. The formats with
// GGUF's names hold the bits of GGUF's blocks; `kv` and `turbo` formats are Tuff's own:
//
//   kv8              signed bytes, value = scale * code, one scale per row
//   kv6 .. kv2       value = scale * code + offset, one scale and offset per row
//   turbo4 .. turbo2 value = scale * level[code]: TurboQuant (arXiv 2504.19874, algorithm 1) with the matched
//                    norm, |row| / |levels of its codes|, as scale; its residual stage is left out, because
//                    it trades a bias that softmax tolerates for five times the variance
//
// Scales and offsets are f16. One group per row is what measurement chose (docs/kv-cache.md): after a
// rotation the values of a row are alike, and smaller groups cost more bits than they save error.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/attention/cache_layout.hpp"

namespace tuff {

// Codes and what is beside them cover groups of so many values; a row is padded to whole ones. The padding's
// codes are 0 and decode to nothing.
inline constexpr std::uint32_t kCacheGroup = 32;

// What a code stands for. The numbers are those the kernels use.
enum class CacheCoding : std::uint32_t {
    f32 = 0,
    f16 = 1,
    bf16 = 2,
    scaled = 3,  // scale * (code - zero)
    affine = 4,  // scale * code + offset
    levels = 5,  // scale * level[code]
};

// Planes of a row, in the order in which they follow each other.
//
//   values          f32, f16, bf16
//   bytes           8-bit codes, signed
//   nibbles         the low 4 bits of codes: of each 32 values 16 bytes, value i in the low half of byte i,
//                   value i + 16 in the high one
//   pairs           2 bits above those, or the low 2 bits: 8 bytes, value i + 8 j in bits 2 j of byte i
//   bits            the highest bit: 4 bytes, value i + 4 j in bit j of byte i
//   scales, offsets f16, one per group
enum class PlaneKind : std::uint32_t { values, bytes, nibbles, pairs, bits, scales, offsets };

struct RowPlane {
    PlaneKind kind{};
    std::uint32_t width = 0;  // bits of one value, or scale, in it
    std::uint32_t shift = 0;  // codes: where this piece belongs in the code
    std::uint32_t bytes = 0;  // of one row
    friend bool operator==(const RowPlane&, const RowPlane&) = default;
};

struct CacheFormat {
    std::string_view name;
    CacheCoding coding{};
    std::uint32_t bits = 0;     // of a code, or of a value where there are no codes
    std::uint32_t zero = 0;     // `scaled` with unsigned codes: the code of 0
    std::uint32_t group = 0;    // values that share a scale: 32, or 0 for the row
    bool rotates = false;       // whether K and V are rotated unless the user says otherwise
    std::uint32_t type_id = 0;  // GGUF's (backend/types.hpp), or kOwnType

    static constexpr std::uint32_t kOwnType = ~std::uint32_t{0};

    // Whether values are stored as codes.
    [[nodiscard]] bool quantized() const { return coding >= CacheCoding::scaled; }
    // Whether its levels depend on the head size: the turbo formats.
    [[nodiscard]] bool spherical() const { return coding == CacheCoding::levels && type_id == kOwnType; }

    // A row's planes; for a head size that check() accepts.
    [[nodiscard]] std::vector<RowPlane> planes(std::uint32_t head_dim) const;
    // The same as a layout wants them.
    [[nodiscard]] CacheRow row(std::uint32_t head_dim) const;
    // Exactly the bytes of those planes.
    [[nodiscard]] std::uint32_t row_bytes(std::uint32_t head_dim) const;
    // Scales of a row.
    [[nodiscard]] std::uint32_t groups(std::uint32_t head_dim) const;
    // The values of the codes of a `levels` format, ascending, for this head size; otherwise empty. In units
    // of the scale. Static storage.
    [[nodiscard]] std::span<const float> levels(std::uint32_t head_dim) const;

    // `usage`: the head size is not a multiple of 8 between 8 and kMaxHeadDim, or the format's blocks do not
    // divide it.
    [[nodiscard]] Result<void> check(std::uint32_t head_dim) const;
};

inline constexpr std::uint32_t kMaxHeadDim = 1024;

// Every format: f32, f16, bf16, GGUF's, then Tuff's own, each by falling size. Static storage.
[[nodiscard]] std::span<const CacheFormat> cache_formats();

// The format of that name, or nullptr.
[[nodiscard]] const CacheFormat* find_cache_format(std::string_view name);

// As find_cache_format, but never null. `usage`: an unknown name; the message lists the choices.
[[nodiscard]] Result<const CacheFormat*> require_cache_format(std::string_view name);

// "f32, f16, ...": for messages.
[[nodiscard]] std::string cache_format_names();

// Parts of a layer's cache: all positions in the side's format, and the first and the last in f16. Attention
// takes each position from one part, in one softmax over all.
enum class CachePart : std::uint32_t { body = 0, sinks = 1, recent = 2 };
inline constexpr std::size_t kCacheParts = 3;

// The format of a part of a side whose body has format `body`.
[[nodiscard]] const CacheFormat& part_format(const CacheFormat& body, std::size_t part);

}  // namespace tuff
