// iq4_xs: super-blocks of 256 in 8 groups of 32, half d, 8 six-bit scales (two high bits each in a 16-bit
// word, then low nibbles in 4 bytes), 128 bytes of nibbles (16 a group, element i low, i + 16 high); value =
// d * (scale - 32) * level[code].
//
// The lanes layout has the level of each weight in a byte and the scales as signed bytes: 8.31 bits per
// weight instead of 4.25 (levels.hpp).
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/levels.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 136;
constexpr int kHighs = 2, kLows = 4, kNibbles = 8;                       // offsets in a block
constexpr Plane wide_planes[] = {{32, 16, 1}, {256, 8, 1}};              // codes, d and scales
constexpr Plane lane_planes[] = {{32, 32, 1}, {32, 1, 1}, {256, 2, 2}};  // levels, scales, d
constexpr levels::Inverse kCodes = levels::inverse(levels::kNl);

int scale(const std::byte* block, int group) {
    const unsigned low = codes::byte_at(block, kLows + group / 2) >> (group % 2 * 4) & 15u;
    const unsigned high = load<std::uint16_t>(block + kHighs) >> (group * 2) & 3u;
    return static_cast<int>(low | high << 4) - 32;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int g = 0; g < 8; g++) {
            const codes::Group group = codes::unpack_nibbles(blocks + kNibbles + g * 16);
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] =
                    d * static_cast<float>(scale(blocks, g)) * static_cast<float>(levels::kNl[group[k]]);
        }
    }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + kNibbles, 128);
    std::memcpy(out[1], block, kNibbles);
}

void join_wide(const std::byte* const* in, std::byte* block) {
    std::memcpy(block + kNibbles, in[0], 128);
    std::memcpy(block, in[1], kNibbles);
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        levels::pack<levels::Order::plain>(codes::unpack_nibbles(block + kNibbles + g * 16), levels::kNl,
                                           out[0] + g * 32);
        out[1][g] = std::byte(scale(block, g));
    }
    std::memcpy(out[2], block, 2);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    std::memcpy(block, in[2], 2);
    unsigned highs = 0, lows = 0;
    for (int g = 0; g < 8; g++) {
        codes::pack_nibbles(levels::unpack<levels::Order::plain>(in[0] + g * 32, kCodes),
                            block + kNibbles + g * 16);
        const auto bits = static_cast<unsigned>(load<std::int8_t>(in[1] + g) + 32);
        lows |= (bits & 15u) << (g * 4);
        highs |= bits >> 4 << (g * 2);
    }
    store(block + kHighs, static_cast<std::uint16_t>(highs));
    store(block + kLows, std::uint32_t{lows});
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq4_xs;
const Format format_iq4_xs{"iq4_xs",
                           23,
                           256,
                           decode,
                           nullptr,
                           {wide_planes, split_wide, join_wide},
                           {lane_planes, split_lanes, join_lanes},
                           set_scales};

}  // namespace tuff
