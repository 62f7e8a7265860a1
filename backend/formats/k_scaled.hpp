// What q4_k and q5_k share: super-blocks of 256 in 8 groups of 32, half d, half dmin, 8 six-bit scales and 8
// six-bit mins in 12 bytes, in q5_k 32 bytes of fifth bits, 128 bytes of nibbles (low nibbles of 32 bytes are
// one group, high nibbles the next); value = d * scale * code - dmin * min.
//
// Both layouts regroup the codes of 32 elements (codes.hpp). `planes` keeps the 16 bytes before them as they
// are; the lanes layout widens scales and mins to a byte each, because unpacking them costs more there than 4
// bytes of memory.
#pragma once

#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff::k_scaled {

inline constexpr int kHeaderBytes = 16, kScales = 4;  // d, dmin, and from byte 4 the scales

struct ScaleMin {
    std::uint8_t scale, minimum;
};

inline ScaleMin unpack_scale(const std::byte* block, int group) {
    const auto s = [&](int i) { return load<std::uint8_t>(block + kScales + i); };
    if (group < 4)
        return {static_cast<std::uint8_t>(s(group) & 63), static_cast<std::uint8_t>(s(group + 4) & 63)};
    return {static_cast<std::uint8_t>((s(group + 4) & 15) | (s(group - 4) >> 6 << 4)),
            static_cast<std::uint8_t>((s(group + 4) >> 4) | (s(group) >> 6 << 4))};
}

inline void pack_scales(const ScaleMin (&groups)[8], std::byte* block) {
    for (int j = 0; j < 4; j++) {
        const ScaleMin low = groups[j], high = groups[j + 4];
        block[kScales + j] = std::byte(low.scale | (high.scale >> 4 << 6));
        block[kScales + j + 4] = std::byte(low.minimum | (high.minimum >> 4 << 6));
        block[kScales + j + 8] = std::byte((high.scale & 15) | ((high.minimum & 15) << 4));
    }
}

struct Fields {
    bool has_fifths;

    [[nodiscard]] constexpr int nibbles() const { return kHeaderBytes + (has_fifths ? 32 : 0); }
    [[nodiscard]] constexpr int bytes() const { return nibbles() + 128; }
};

template <Fields F>
codes::Group load_codes(const std::byte* block, int group) {
    codes::Group out = codes::load_fields(block + F.nibbles() + group / 2 * 32, group % 2 * 4, 15);
    if constexpr (F.has_fifths) codes::load_bits(block + kHeaderBytes, group, 4, out);
    return out;
}

// All groups of a block whose bytes past the header are zero.
template <Fields F>
void store_codes(const codes::Group& in, int group, std::byte* block) {
    codes::store_fields(in, group % 2 * 4, 15, block + F.nibbles() + group / 2 * 32);
    if constexpr (F.has_fifths) codes::store_bits(in, group, 4, block + kHeaderBytes);
}

template <Fields F>
void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += F.bytes()) {
        const float d = load_half(blocks), dmin = load_half(blocks + 2);
        for (int g = 0; g < 8; g++) {
            const ScaleMin s = unpack_scale(blocks, g);
            const codes::Group group = load_codes<F>(blocks, g);
            const float scale = d * s.scale, minimum = dmin * s.minimum;
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] = scale * static_cast<float>(group[k]) - minimum;
        }
    }
}

template <Fields F>
void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += F.bytes()) {
        const float d = std::fabs(load_half(blocks)), dmin = std::fabs(load_half(blocks + 2));
        for (int g = 0; g < 8; g++) {
            const ScaleMin s = unpack_scale(blocks, g);
            const codes::Group group = load_codes<F>(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] = d * s.scale * static_cast<float>(group[k]) + dmin * s.minimum;
        }
    }
}

// Nibbles, fifth bits, header.
template <Fields F>
void split_wide(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        const codes::Group group = load_codes<F>(block, g);
        codes::pack_nibbles(group, out[0] + g * 16);
        if constexpr (F.has_fifths) codes::pack_bits(group, 4, out[1] + g * 4);
    }
    std::memcpy(out[F.has_fifths ? 2 : 1], block, kHeaderBytes);
}
template <Fields F>
void join_wide(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, F.bytes());
    for (int g = 0; g < 8; g++) {
        codes::Group group = codes::unpack_nibbles(in[0] + g * 16);
        if constexpr (F.has_fifths) codes::unpack_bits(in[1] + g * 4, 4, group);
        store_codes<F>(group, g, block);
    }
    std::memcpy(block, in[F.has_fifths ? 2 : 1], kHeaderBytes);
}

// Codes, (scale, min), (d, dmin).
template <Fields F>
void split_lanes(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        const codes::Group group = load_codes<F>(block, g);
        if constexpr (F.has_fifths)
            codes::pack_fives(group, out[0] + g * 20);
        else
            codes::pack_nibbles(group, out[0] + g * 16);
        const ScaleMin s = unpack_scale(block, g);
        out[1][g * 2] = std::byte(s.scale);
        out[1][g * 2 + 1] = std::byte(s.minimum);
    }
    std::memcpy(out[2], block, 4);
}
template <Fields F>
void join_lanes(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, F.bytes());
    ScaleMin scales[8];
    for (int g = 0; g < 8; g++) {
        if constexpr (F.has_fifths)
            store_codes<F>(codes::unpack_fives(in[0] + g * 20), g, block);
        else
            store_codes<F>(codes::unpack_nibbles(in[0] + g * 16), g, block);
        scales[g] = {std::to_integer<std::uint8_t>(in[1][g * 2]),
                     std::to_integer<std::uint8_t>(in[1][g * 2 + 1])};
    }
    pack_scales(scales, block);
    std::memcpy(block, in[2], 4);
}

inline constexpr Plane nibble_planes[] = {{32, 16, 1}, {256, 16, 1}};
inline constexpr Plane five_bit_planes[] = {{32, 16, 1}, {32, 4, 1}, {256, 16, 1}};
template <Fields F>
inline constexpr Plane lane_planes[] = {{32, F.has_fifths ? 20 : 16, 1}, {32, 2, 1}, {256, 4, 2}};
template <Fields F>
inline constexpr PlaneSet wide_set{F.has_fifths ? std::span<const Plane>(five_bit_planes) : nibble_planes,
                                   split_wide<F>, join_wide<F>};
template <Fields F>
inline constexpr PlaneSet lane_set{lane_planes<F>, split_lanes<F>, join_lanes<F>};

inline void set_scales(std::byte* block, float scale, float offset_scale) {
    store_half(block, scale);
    store_half(block + 2, offset_scale);
}

template <Fields F>
constexpr Format format(std::string_view name, std::uint32_t type_id) {
    return {name, type_id, 256, decode<F>, magnitude<F>, wide_set<F>, lane_set<F>, set_scales};
}

}  // namespace tuff::k_scaled
