// Formats: the tensor types Tuff computes with, and the pieces their blocks are taken apart into for a
// device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backend/types.hpp"

namespace tuff {

struct Codebook;  // formats/codebooks.hpp

// Kernels walk K in groups of 32 elements, whatever the format.
inline constexpr std::uint32_t kGroupElements = 32;

// One kind of piece of a block: its codes, its scales, ... A unit covers `elements` consecutive elements of a
// row.
struct Plane {
    std::uint32_t elements;  // a multiple of 32
    std::uint32_t bytes;     // of one unit
    std::uint32_t granule;   // bytes that stay together when rows are interleaved
};

inline constexpr std::size_t kMaxPlanes = 4;

// How a chunk of a row (chunk_elements elements, GGUF blocks) falls into planes. split() writes the units of
// one chunk to out[i], plane by plane, in order; join() is its exact inverse. Same number of bytes on both
// sides, except where a plane widens packed fields.
struct PlaneSet {
    std::span<const Plane> planes;
    void (*split)(const std::byte* chunk, std::byte* const* out);
    void (*join)(const std::byte* const* in, std::byte* chunk);
};

struct Format {
    std::string_view name;         // GGUF's, in lower case
    std::uint32_t type_id;         // in types.hpp
    std::uint32_t chunk_elements;  // elements that split() and decode() work on: the block, at least 32

    // Dequantizes `elements` elements, whole blocks; exact wherever FORMATS.md calls decoding unambiguous.
    void (*decode)(const std::byte* blocks, std::uint64_t elements, float* values);

    // The magnitude arithmetic on each element reaches before its offset is subtracted: |scale * code| +
    // |offset| where value = scale * code - offset. nullptr: |value|. Rounding-error bounds are built from
    // it.
    void (*magnitude)(const std::byte* blocks, std::uint64_t elements, float* magnitudes);

    PlaneSet wide;   // for the layout `planes`
    PlaneSet lanes;  // for the layout `lanes`

    // Writes a block's floating-point fields, rounded to their type: its scale (in formats without blocks the
    // element itself) and, where it has one, the scale of its offset. Random bytes become a valid block by
    // it.
    void (*set_scales)(std::byte* block, float scale, float offset_scale);

    const Codebook* codebook =
        nullptr;  // that kernels of the layouts `planes` and `blocks` look entries up in

    [[nodiscard]] const TypeInfo& type() const { return *find_type(type_id); }
};

// Every format, in the order of shaders/kernels.cmake. Static storage.
[[nodiscard]] std::span<const Format* const> formats();

// The format of that name or GGUF type id, or nullptr.
[[nodiscard]] const Format* find_format(std::string_view name);
[[nodiscard]] const Format* find_format(std::uint32_t type_id);

// "f32, f16, ...": for messages.
[[nodiscard]] std::string format_names();

}  // namespace tuff
