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

unsigned code(const std::byte* block, int i) {
    return (load<std::uint8_t>(block + 2 + i / 4) >> (i % 4 * 2)) & 3u;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 64, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int k = 0; k < 64; k++) values[i + k] = (static_cast<float>(code(blocks, k)) - 1.0f) * d;
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 64, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks));
        for (int k = 0; k < 64; k++) magnitudes[i + k] = (static_cast<float>(code(blocks, k)) + 1.0f) * d;
    }
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 2; g++) {
        codes::Group codes;
        for (int k = 0; k < 32; k++) codes[k] = static_cast<std::uint8_t>(code(block, g * 32 + k));
        codes::pack_pairs(codes, out[0] + g * 8);
    }
    std::memcpy(out[1], block, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    for (int g = 0; g < 2; g++) {
        const codes::Group codes = codes::unpack_pairs(in[0] + g * 8);
        for (int k = 0; k < 32; k += 4)
            block[2 + g * 8 + k / 4] =
                std::byte(codes[k] | codes[k + 1] << 2 | codes[k + 2] << 4 | codes[k + 3] << 6);
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
