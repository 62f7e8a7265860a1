// q2_0: blocks of 64, half d, 16 bytes of two-bit codes (element i: byte i / 4, bits 2 * (i % 4)); value = d
// * (code - 1).
//
// Both layouts store the codes of each group of 32 as 8 bytes (codes.hpp): the file's number of bits.
#include <cmath>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 18;
constexpr Plane planes[] = {{32, 8, 1}, {64, 2, 2}};  // codes, d

// Fields of two bits of a half word, one after the other, as the bytes of a word, and back.
constexpr std::uint64_t kFours = 0x000000ff000000ff, kTwos = 0x000f000f000f000f;
std::uint64_t spread_pairs(std::uint64_t pairs) {
    pairs = (pairs | pairs << 24) & kFours;
    pairs = (pairs | pairs << 12) & kTwos;
    return (pairs | pairs << 6) & codes::every8(3);
}
std::uint16_t gather_pairs(std::uint64_t bytes) {
    bytes = (bytes | bytes >> 6) & kTwos;
    bytes = (bytes | bytes >> 12) & kFours;
    return static_cast<std::uint16_t>(bytes | bytes >> 24);
}

codes::Group load_codes(const std::byte* block, int group) {
    codes::Group out;
    for (int w = 0; w < 4; w++)
        codes::set_eight(out, w, spread_pairs(load<std::uint16_t>(block + 2 + group * 8 + w * 2)));
    return out;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 64, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int g = 0; g < 2; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++) values[i + g * 32 + k] = (static_cast<float>(group[k]) - 1.0f) * d;
        }
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 64, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks));
        for (int g = 0; g < 2; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] = (static_cast<float>(group[k]) + 1.0f) * d;
        }
    }
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 2; g++) codes::pack_pairs(load_codes(block, g), out[0] + g * 8);
    std::memcpy(out[1], block, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    for (int g = 0; g < 2; g++) {
        const codes::Group group = codes::unpack_pairs(in[0] + g * 8);
        for (int w = 0; w < 4; w++) store(block + 2 + g * 8 + w * 2, gather_pairs(codes::eight(group, w)));
    }
    std::memcpy(block, in[1], 2);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_q2_0;
const Format format_q2_0{"q2_0", 42, 64, decode, magnitude, plane_set, plane_set, set_scales};

}  // namespace tuff
