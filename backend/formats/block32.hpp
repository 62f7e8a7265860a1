// What the formats of blocks of 32 with one scale share: a half d, perhaps a half m, perhaps a word of fifth
// bits (bit i of element i), 16 bytes of nibbles (element i low, i + 16 high); value = d * (code - bias) + m.
//
// On a device: nibbles as they are, and scales. Fifth bits are a plane of their own in the layout `planes`;
// the lanes layout keeps whole codes of five bits (codes.hpp), which takes fewer instructions to read.
#pragma once

#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff::block32 {

struct Fields {
    int nibbles;         // offset of the 16 bytes
    int fifths = 0;      // offset of the word, 0: none
    bool has_m = false;  // a half at 2
    int bias = 0;

    [[nodiscard]] constexpr int bytes() const { return nibbles + 16; }
    [[nodiscard]] constexpr std::uint32_t scale_bytes() const { return has_m ? 4 : 2; }
};

template <Fields F>
codes::Group load_codes(const std::byte* block) {
    codes::Group group = codes::unpack_nibbles(block + F.nibbles);
    if constexpr (F.fifths > 0) {
        for (int w = 0; w < 4; w++)
            codes::set_eight(
                group, w,
                codes::eight(group, w) | codes::spread_bits(load<std::uint8_t>(block + F.fifths + w)) << 4);
    }
    return group;
}

template <Fields F>
void store_codes(const codes::Group& group, std::byte* block) {
    codes::pack_nibbles(group, block + F.nibbles);
    if constexpr (F.fifths > 0) {
        for (int w = 0; w < 4; w++)
            store(block + F.fifths + w, codes::gather_bits(codes::eight(group, w) >> 4));
    }
}

template <Fields F>
void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += F.bytes()) {
        const codes::Group group = load_codes<F>(blocks);
        const float d = load_half(blocks);
        for (int k = 0; k < 32; k++) {
            const float scaled = static_cast<float>(group[k] - F.bias) * d;
            if constexpr (F.has_m)
                values[i + k] = scaled + load_half(blocks + 2);
            else
                values[i + k] = scaled;
        }
    }
}

template <Fields F>
void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += F.bytes()) {
        const codes::Group group = load_codes<F>(blocks);
        const float d = std::fabs(load_half(blocks)), m = F.has_m ? std::fabs(load_half(blocks + 2)) : 0;
        for (int k = 0; k < 32; k++) magnitudes[i + k] = static_cast<float>(group[k] + F.bias) * d + m;
    }
}

template <Fields F>
inline constexpr Plane whole_planes[] = {{32, F.fifths > 0 ? 20 : 16, 1}, {32, F.scale_bytes(), 2}};
template <Fields F>
inline constexpr Plane cut_planes[] = {{32, 16, 1}, {32, 4, 1}, {32, F.scale_bytes(), 2}};

// Codes in one piece, scales.
template <Fields F>
void split_whole(const std::byte* block, std::byte* const* out) {
    if constexpr (F.fifths > 0)
        codes::pack_fives(load_codes<F>(block), out[0]);
    else
        std::memcpy(out[0], block + F.nibbles, 16);
    std::memcpy(out[1], block, F.scale_bytes());
}
template <Fields F>
void join_whole(const std::byte* const* in, std::byte* block) {
    if constexpr (F.fifths > 0)
        store_codes<F>(codes::unpack_fives(in[0]), block);
    else
        std::memcpy(block + F.nibbles, in[0], 16);
    std::memcpy(block, in[1], F.scale_bytes());
}

// Nibbles, fifth bits, scales.
template <Fields F>
void split_cut(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + F.nibbles, 16);
    codes::pack_bits(load_codes<F>(block), 4, out[1]);
    std::memcpy(out[2], block, F.scale_bytes());
}
template <Fields F>
void join_cut(const std::byte* const* in, std::byte* block) {
    codes::Group group = codes::unpack_nibbles(in[0]);
    codes::unpack_bits(in[1], 4, group);
    store_codes<F>(group, block);
    std::memcpy(block, in[2], F.scale_bytes());
}

template <Fields F>
inline constexpr PlaneSet lane_set{whole_planes<F>, split_whole<F>, join_whole<F>};
template <Fields F>
inline constexpr PlaneSet wide_set =
    F.fifths > 0 ? PlaneSet{cut_planes<F>, split_cut<F>, join_cut<F>} : lane_set<F>;

template <Fields F>
void set_scales(std::byte* block, float scale, float offset_scale) {
    store_half(block, scale);
    if constexpr (F.has_m) store_half(block + 2, offset_scale);
}

template <Fields F>
constexpr Format format(std::string_view name, std::uint32_t type_id) {
    return {name,        type_id,     32,           decode<F>, F.has_m || F.bias > 0 ? magnitude<F> : nullptr,
            wide_set<F>, lane_set<F>, set_scales<F>};
}

}  // namespace tuff::block32
