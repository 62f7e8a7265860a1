// q6_k: super-blocks of 256 in 16 groups of 16, 128 bytes of low nibbles, 64 bytes of high pairs, 16 signed
// scales, half d; value = d * scale * (code - 32).
//
// For a device each group of 32 becomes 16 bytes of nibbles and 8 bytes of pairs, cut so that a kernel can
// merge them without moving bits far: byte k of the nibbles holds the low four bits of element k below, the
// HIGH four bits of element k + 16 above; byte k of the pairs holds, from bit 0 up, the low two bits of
// elements k + 24 and k + 16, then the high two bits of elements k and k + 8.
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 210;
constexpr int kHighs = 128, kScales = 192, kD = 208;                            // offsets in a block
constexpr Plane planes[] = {{32, 16, 1}, {32, 8, 1}, {32, 2, 1}, {256, 2, 2}};  // nibbles, pairs, scales, d

struct Place {
    int low_byte, low_shift, high_byte, high_shift;
};

// Where the two parts of element i's code stand in a block.
constexpr Place place(int i) {
    const int half = i / 128, s = i % 128 / 32, l = i % 32;
    return {64 * half + 32 * (s % 2) + l, s / 2 * 4, kHighs + 32 * half + l, s * 2};
}

unsigned code(const std::byte* block, int i) {
    const Place at = place(i);
    return ((load<std::uint8_t>(block + at.low_byte) >> at.low_shift) & 15u) |
           ((load<std::uint8_t>(block + at.high_byte) >> at.high_shift) & 3u) << 4;
}

float scale(const std::byte* block, int i) {
    return load<std::int8_t>(block + kScales + i / 16);
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks + kD);
        for (int k = 0; k < 256; k++)
            values[i + k] = d * scale(blocks, k) * (static_cast<float>(code(blocks, k)) - 32.0f);
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks + kD));
        for (int k = 0; k < 256; k++)
            magnitudes[i + k] =
                d * std::fabs(scale(blocks, k)) * (static_cast<float>(code(blocks, k)) + 32.0f);
    }
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        const auto c = [&](int k) { return code(block, g * 32 + k); };
        for (int k = 0; k < 16; k++) out[0][g * 16 + k] = std::byte((c(k) & 15) | (c(k + 16) >> 2 << 4));
        for (int k = 0; k < 8; k++)
            out[1][g * 8 + k] =
                std::byte((c(k + 24) & 3) | (c(k + 16) & 3) << 2 | c(k) >> 4 << 4 | c(k + 8) >> 4 << 6);
    }
    std::memcpy(out[2], block + kScales, 16);
    std::memcpy(out[3], block + kD, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, kScales);
    for (int i = 0; i < 256; i++) {
        const int g = i / 32, k = i % 32;
        const auto nibbles = std::to_integer<unsigned>(in[0][g * 16 + k % 16]);
        const auto pairs = std::to_integer<unsigned>(in[1][g * 8 + k % 8]);
        constexpr int shift[] = {4, 6, 2, 0};
        const unsigned pair = (pairs >> shift[k / 8]) & 3u;
        const unsigned c = k < 16 ? (nibbles & 15u) | pair << 4 : (nibbles >> 4 << 2) | pair;
        const Place at = place(i);
        block[at.low_byte] |= std::byte((c & 15u) << at.low_shift);
        block[at.high_byte] |= std::byte((c >> 4) << at.high_shift);
    }
    std::memcpy(block + kScales, in[2], 16);
    std::memcpy(block + kD, in[3], 2);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block + kD, scale);
}

}  // namespace

extern const Format format_q6_k;
const Format format_q6_k{"q6_k", 14, 256, decode, magnitude, plane_set, plane_set, set_scales};

}  // namespace tuff
