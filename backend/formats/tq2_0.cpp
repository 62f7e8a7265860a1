// tq2_0: blocks of 256, 64 bytes of two-bit codes (element i: byte 32 * (i / 128) + i % 32, bits 2 * (i / 32
// % 4)), half d; value = d * (code - 1). Ternary files hold no code 3, but it decodes like the others.
//
// Both layouts store the codes of each group of 32 as 8 bytes (codes.hpp): the file's number of bits.
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 66;
constexpr int kD = 64;
constexpr Plane planes[] = {{32, 8, 1}, {256, 2, 2}};  // codes, d

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks + kD);
        for (int g = 0; g < 8; g++) {
            const codes::Group group = codes::load_pairs(blocks, g);
            for (int k = 0; k < 32; k++) values[i + g * 32 + k] = (static_cast<float>(group[k]) - 1.0f) * d;
        }
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks + kD));
        for (int g = 0; g < 8; g++) {
            const codes::Group group = codes::load_pairs(blocks, g);
            for (int k = 0; k < 32; k++)
                magnitudes[i + g * 32 + k] = (static_cast<float>(group[k]) + 1.0f) * d;
        }
    }
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) codes::pack_pairs(codes::load_pairs(block, g), out[0] + g * 8);
    std::memcpy(out[1], block + kD, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memset(block, 0, kD);
    for (int g = 0; g < 8; g++) codes::store_pairs(codes::unpack_pairs(in[0] + g * 8), g, block);
    std::memcpy(block + kD, in[1], 2);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block + kD, scale);
}

}  // namespace

extern const Format format_tq2_0;
const Format format_tq2_0{"tq2_0", 35, 256, decode, magnitude, plane_set, plane_set, set_scales};

}  // namespace tuff
