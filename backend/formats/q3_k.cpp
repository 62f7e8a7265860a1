// q3_k: super-blocks of 256 in 16 groups of 16, 32 bytes of third bits, 64 bytes of pairs, 16 six-bit scales
// in 12 bytes, half d; value = d * (scale - 32) * (code - 4).
//
// `planes` has pairs and third bits in planes of their own and the scales as in the file. The lanes layout
// keeps whole codes of three bits (codes.hpp) and widens the scales to signed bytes: 3.6 % more memory than
// the file takes.
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 110;
constexpr int kPairs = 32, kScales = 96, kD = 108;  // offsets in a block
constexpr Plane wide_planes[] = {
    {32, 8, 1}, {32, 4, 1}, {256, 12, 1}, {256, 2, 2}};                  // pairs, bits, scales, d
constexpr Plane lane_planes[] = {{32, 12, 1}, {32, 2, 1}, {256, 2, 2}};  // codes, scales, d

int scale(const std::byte* block, int j) {
    const unsigned low = codes::byte_at(block, kScales + j % 8) >> (j / 8 * 4) & 15u;
    const unsigned high = codes::byte_at(block, kScales + 8 + j % 4) >> (j / 4 * 2) & 3u;
    return static_cast<int>(low | high << 4) - 32;
}

// The 12 bytes must be zero where these bits are not stored yet.
void store_scale(std::byte* block, int j, int scale) {
    const auto bits = static_cast<unsigned>(scale + 32);
    block[kScales + j % 8] |= std::byte((bits & 15u) << (j / 8 * 4));
    block[kScales + 8 + j % 4] |= std::byte(bits >> 4 << (j / 4 * 2));
}

codes::Group load_codes(const std::byte* block, int group) {
    codes::Group out = codes::load_pairs(block + kPairs, group);
    codes::load_bits(block, group, 2, out);
    return out;
}

// The codes' bytes must be zero where this group is not stored yet.
void store_codes(const codes::Group& in, int group, std::byte* block) {
    codes::store_pairs(in, group, block + kPairs);
    codes::store_bits(in, group, 2, block);
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks + kD);
        for (int g = 0; g < 8; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] =
                    d * static_cast<float>(scale(blocks, g * 2 + k / 16)) * static_cast<float>(group[k] - 4);
        }
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks + kD));
        for (int g = 0; g < 8; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] = d *
                                             std::fabs(static_cast<float>(scale(blocks, g * 2 + k / 16))) *
                                             static_cast<float>(group[k] + 4);
        }
    }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        const codes::Group group = load_codes(block, g);
        codes::pack_pairs(group, out[0] + g * 8);
        codes::pack_bits(group, 2, out[1] + g * 4);
    }
    std::memcpy(out[2], block + kScales, 12);
    std::memcpy(out[3], block + kD, 2);
}

void join_wide(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, kBytes);
    for (int g = 0; g < 8; g++) {
        codes::Group group = codes::unpack_pairs(in[0] + g * 8);
        codes::unpack_bits(in[1] + g * 4, 2, group);
        store_codes(group, g, block);
    }
    std::memcpy(block + kScales, in[2], 12);
    std::memcpy(block + kD, in[3], 2);
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) codes::pack_threes(load_codes(block, g), out[0] + g * 12);
    for (int j = 0; j < 16; j++) out[1][j] = std::byte(scale(block, j));
    std::memcpy(out[2], block + kD, 2);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, kBytes);
    for (int g = 0; g < 8; g++) store_codes(codes::unpack_threes(in[0] + g * 12), g, block);
    for (int j = 0; j < 16; j++) store_scale(block, j, load<std::int8_t>(in[1] + j));
    std::memcpy(block + kD, in[2], 2);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block + kD, scale);
}

}  // namespace

extern const Format format_q3_k;
const Format format_q3_k{"q3_k",
                         11,
                         256,
                         decode,
                         magnitude,
                         {wide_planes, split_wide, join_wide},
                         {lane_planes, split_lanes, join_lanes},
                         set_scales};

}  // namespace tuff
