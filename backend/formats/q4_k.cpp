// q4_k: super-blocks of 256 in 8 groups of 32, half d, half dmin, 8 six-bit scales and mins in 12 bytes, 128
// bytes of nibbles (low nibbles of 32 bytes are one group, high nibbles the next); value = d * scale * code -
// dmin * min.
//
// Both layouts store the codes of each group of 32 as 16 bytes (element i low, i + 16 high). The lanes layout
// also widens the scales and mins to a byte each, because unpacking them costs more there than 2.8 % more
// memory.
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 144;
constexpr int kScales = 4, kCodes = 16;                                  // offsets in a block
constexpr Plane wide_planes[] = {{32, 16, 1}, {256, 16, 1}};             // codes, header
constexpr Plane lane_planes[] = {{32, 16, 1}, {32, 2, 1}, {256, 4, 2}};  // codes, (scale, min), (d, dmin)

struct ScaleMin {
    std::uint8_t scale, minimum;
};

ScaleMin unpack_scale(const std::byte* block, int group) {
    const auto s = [&](int i) { return load<std::uint8_t>(block + kScales + i); };
    if (group < 4)
        return {static_cast<std::uint8_t>(s(group) & 63), static_cast<std::uint8_t>(s(group + 4) & 63)};
    return {static_cast<std::uint8_t>((s(group + 4) & 15) | (s(group - 4) >> 6 << 4)),
            static_cast<std::uint8_t>((s(group + 4) >> 4) | (s(group) >> 6 << 4))};
}

void pack_scales(const ScaleMin (&groups)[8], std::byte* block) {
    for (int j = 0; j < 4; j++) {
        const ScaleMin low = groups[j], high = groups[j + 4];
        block[kScales + j] = std::byte(low.scale | (high.scale >> 4 << 6));
        block[kScales + j + 4] = std::byte(low.minimum | (high.minimum >> 4 << 6));
        block[kScales + j + 8] = std::byte((high.scale & 15) | ((high.minimum & 15) << 4));
    }
}

int code(const std::byte* block, int group, int i) {
    const auto byte = load<std::uint8_t>(block + kCodes + group / 2 * 32 + i);
    return group % 2 == 0 ? byte & 15 : byte >> 4;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks), dmin = load_half(blocks + 2);
        for (int g = 0; g < 8; g++) {
            const ScaleMin s = unpack_scale(blocks, g);
            const float scale = d * s.scale, minimum = dmin * s.minimum;
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] = scale * static_cast<float>(code(blocks, g, k)) - minimum;
        }
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks)), dmin = std::fabs(load_half(blocks + 2));
        for (int g = 0; g < 8; g++) {
            const ScaleMin s = unpack_scale(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] =
                    d * s.scale * static_cast<float>(code(blocks, g, k)) + dmin * s.minimum;
        }
    }
}

void split_codes(const std::byte* block, std::byte* out) {
    for (int g = 0; g < 8; g++)
        for (int k = 0; k < 16; k++)
            out[g * 16 + k] = std::byte(code(block, g, k) | code(block, g, k + 16) << 4);
}

void join_codes(const std::byte* in, std::byte* block) {
    for (int g = 0; g < 8; g += 2)
        for (int k = 0; k < 32; k++) {
            const auto nibble = [&](int group) {
                const auto byte = std::to_integer<unsigned>(in[group * 16 + k % 16]);
                return k < 16 ? byte & 15u : byte >> 4;
            };
            block[kCodes + g / 2 * 32 + k] = std::byte(nibble(g) | nibble(g + 1) << 4);
        }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    split_codes(block, out[0]);
    std::memcpy(out[1], block, 16);
}

void join_wide(const std::byte* const* in, std::byte* block) {
    join_codes(in[0], block);
    std::memcpy(block, in[1], 16);
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    split_codes(block, out[0]);
    for (int g = 0; g < 8; g++) {
        const ScaleMin s = unpack_scale(block, g);
        out[1][g * 2] = std::byte(s.scale);
        out[1][g * 2 + 1] = std::byte(s.minimum);
    }
    std::memcpy(out[2], block, 4);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    join_codes(in[0], block);
    ScaleMin groups[8];
    for (int g = 0; g < 8; g++)
        groups[g] = {std::to_integer<std::uint8_t>(in[1][g * 2]),
                     std::to_integer<std::uint8_t>(in[1][g * 2 + 1])};
    pack_scales(groups, block);
    std::memcpy(block, in[2], 4);
}

void set_scales(std::byte* block, float scale, float offset_scale) {
    store_half(block, scale);
    store_half(block + 2, offset_scale);
}

}  // namespace

extern const Format format_q4_k;
const Format format_q4_k{"q4_k",
                         12,
                         256,
                         decode,
                         magnitude,
                         {wide_planes, split_wide, join_wide},
                         {lane_planes, split_lanes, join_lanes},
                         set_scales};

}  // namespace tuff
