// q2_k: super-blocks of 256 in 16 groups of 16, 16 bytes of four-bit scales (low) and mins (high), 64 bytes
// of pairs, half d, half dmin; value = d * scale * code - dmin * min.
//
// Both layouts regroup the codes of 32 elements into 8 bytes (codes.hpp) and keep the rest as it is.
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 84;
constexpr int kPairs = 16, kSupers = 80;                           // offsets in a block
constexpr Plane planes[] = {{32, 8, 1}, {32, 2, 1}, {256, 4, 2}};  // codes, (scale, min) twice, (d, dmin)

// Calls use(element, code, d * scale, dmin * min) for all elements of a block.
template <class Use>
void each_element(const std::byte* block, Use&& use) {
    const float d = load_half(block + kSupers), dmin = load_half(block + kSupers + 2);
    for (int g = 0; g < 8; g++) {
        const codes::Group group = codes::load_pairs(block + kPairs, g);
        for (int k = 0; k < 32; k++) {
            const unsigned s = codes::byte_at(block, g * 2 + k / 16);
            use(g * 32 + k, static_cast<float>(group[k]), d * static_cast<float>(s & 15u),
                dmin * static_cast<float>(s >> 4));
        }
    }
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes)
        each_element(blocks, [&](int k, float code, float scale, float minimum) {
            values[i + k] = scale * code - minimum;
        });
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes)
        each_element(blocks, [&](int k, float code, float scale, float minimum) {
            magnitudes[i + k] = std::fabs(scale) * code + std::fabs(minimum);
        });
}

void split(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 8; g++) codes::pack_pairs(codes::load_pairs(block + kPairs, g), out[0] + g * 8);
    std::memcpy(out[1], block, 16);
    std::memcpy(out[2], block + kSupers, 4);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memset(block + kPairs, 0, 64);
    for (int g = 0; g < 8; g++) codes::store_pairs(codes::unpack_pairs(in[0] + g * 8), g, block + kPairs);
    std::memcpy(block, in[1], 16);
    std::memcpy(block + kSupers, in[2], 4);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float offset_scale) {
    store_half(block + kSupers, scale);
    store_half(block + kSupers + 2, offset_scale);
}

}  // namespace

extern const Format format_q2_k;
const Format format_q2_k{"q2_k", 10, 256, decode, magnitude, plane_set, plane_set, set_scales};

}  // namespace tuff
