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
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 210;
constexpr int kHighs = 128, kScales = 192, kD = 208;                            // offsets in a block
constexpr Plane planes[] = {{32, 16, 1}, {32, 8, 1}, {32, 2, 1}, {256, 2, 2}};  // nibbles, pairs, scales, d

// Where the two parts of a group's codes stand in a block.
struct Place {
    int low_byte, low_shift, high_byte, high_shift;
};
constexpr Place place(int group) {
    const int half = group / 4, s = group % 4;
    return {64 * half + 32 * (s % 2), s / 2 * 4, kHighs + 32 * half, s * 2};
}

codes::Group load_codes(const std::byte* block, int group) {
    const Place at = place(group);
    codes::Group out = codes::load_fields(block + at.low_byte, at.low_shift, 15);
    const codes::Group high = codes::load_fields(block + at.high_byte, at.high_shift, 3);
    for (int w = 0; w < 4; w++) codes::set_eight(out, w, codes::eight(out, w) | codes::eight(high, w) << 4);
    return out;
}

// The codes' bytes must be zero where this group is not stored yet.
void store_codes(const codes::Group& in, int group, std::byte* block) {
    const Place at = place(group);
    codes::store_fields(in, at.low_shift, 15, block + at.low_byte);
    codes::Group high;
    for (int w = 0; w < 4; w++) codes::set_eight(high, w, codes::eight(in, w) >> 4);
    codes::store_fields(high, at.high_shift, 3, block + at.high_byte);
}

float scale(const std::byte* block, int i) {
    return load<std::int8_t>(block + kScales + i / 16);
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks + kD);
        for (int g = 0; g < 8; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] =
                    d * scale(blocks, g * 32 + k) * (static_cast<float>(group[k]) - 32.0f);
        }
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks + kD));
        for (int g = 0; g < 8; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] =
                    d * std::fabs(scale(blocks, g * 32 + k)) * (static_cast<float>(group[k]) + 32.0f);
        }
    }
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) {
        const codes::Group group = load_codes(block, g);
        const auto low = [&](int w, int bits) {
            return codes::eight(group, w) & codes::every8((1u << bits) - 1);
        };
        const auto above = [&](int w, int bits) {
            return (codes::eight(group, w) >> bits) & codes::every8(63u >> bits);
        };
        for (int w = 0; w < 2; w++) store(out[0] + g * 16 + w * 8, low(w, 4) | above(w + 2, 2) << 4);
        store(out[1] + g * 8, low(3, 2) | low(2, 2) << 2 | above(0, 4) << 4 | above(1, 4) << 6);
    }
    std::memcpy(out[2], block + kScales, 16);
    std::memcpy(out[3], block + kD, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, kScales);
    for (int g = 0; g < 8; g++) {
        codes::Group group;
        const auto pairs = load<std::uint64_t>(in[1] + g * 8);
        const auto pair = [&](int shift) { return (pairs >> shift) & codes::every8(3); };
        for (int w = 0; w < 2; w++) {
            const auto nibbles = load<std::uint64_t>(in[0] + g * 16 + w * 8);
            codes::set_eight(group, w, (nibbles & codes::every8(15)) | pair(4 + 2 * w) << 4);
            codes::set_eight(group, w + 2, ((nibbles >> 4) & codes::every8(15)) << 2 | pair(2 - 2 * w));
        }
        store_codes(group, g, block);
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
