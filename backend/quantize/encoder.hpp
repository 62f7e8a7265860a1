// Encoders: from float32 values to the blocks of a GGUF type. The decoders are in backend/formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "backend/types.hpp"

namespace tuff {

// What importance weights are to an encoder.
enum class Importance {
    ignored,  // its rule leaves nothing to choose
    used,     // errors are weighted by it; without it all elements weigh the same, or as the encoder says
    wanted,   // works without, but so few bits are left that the result is poor
};

// Encoders are deterministic: the same row gives the same bytes on every machine and compiler (no fused
// multiply-add, no reordering of sums). They accept every finite value: scales beyond binary16 are clamped to
// +-65504 (in f16 and bf16 a value too large becomes infinite, as IEEE 754 rounds it).
struct Encoder {
    std::uint32_t type_id;  // in types.hpp
    Importance importance;

    // Quantizes one row of `elements` finite values, a multiple of the type's block. `importance`: nullptr,
    // or one finite weight >= 0 per element of the row: how much an error of that element costs (the mean
    // square of the activation that meets it). `blocks` has room for the row's bytes; every byte is written.
    void (*encode)(const float* row, std::uint64_t elements, const float* importance, std::byte* blocks);

    // The largest magnitude that blocks can hold: beyond it scales are clamped, in f16 values are infinite.
    float largest = std::numeric_limits<float>::max();

    [[nodiscard]] const TypeInfo& type() const { return *find_type(type_id); }
};

// Every encoder, by ascending type id. Static storage.
[[nodiscard]] std::span<const Encoder* const> encoders();

// The encoder of that type, or nullptr. Static storage.
[[nodiscard]] const Encoder* find_encoder(std::string_view type_name);
[[nodiscard]] const Encoder* find_encoder(std::uint32_t type_id);

}  // namespace tuff
