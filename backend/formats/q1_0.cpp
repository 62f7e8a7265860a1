// q1_0: blocks of 128, half d, 16 bytes of bits (element i: bit i % 8 of byte i / 8); value = d where the bit
// is set, else -d.
//
// Both layouts keep these bytes, d apart; lanes kernels read the bits of 32 elements as one word.
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/pieces.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 18;
constexpr Plane planes[] = {{32, 4, 4}, {128, 2, 2}};  // bits, d
constexpr auto pieces = std::to_array<Piece>({{2, 0, 0, 0, 0, 16, 1}, {0, 0, 1, 0, 0, 2, 1}});

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 128, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int k = 0; k < 128; k++)
            values[i + k] = (load<std::uint8_t>(blocks + 2 + k / 8) >> (k % 8)) & 1 ? d : -d;
    }
}

constexpr PlaneSet plane_set{planes, split_pieces<pieces>, join_pieces<pieces>};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_q1_0;
const Format format_q1_0{"q1_0", 41, 128, decode, nullptr, plane_set, plane_set, set_scales};

}  // namespace tuff
