// iq4_nl: blocks of 32, half d, 16 bytes of nibbles (element i low, i + 16 high); value = d * level[code].
//
// The lanes layout has the level of each weight in a byte: 8.5 bits per weight instead of 4.5 (levels.hpp).
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/levels.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 18;
constexpr Plane wide_planes[] = {{32, 16, 1}, {32, 2, 2}};  // codes, d
constexpr Plane lane_planes[] = {{32, 32, 1}, {32, 2, 2}};  // levels, d
constexpr levels::Inverse kCodes = levels::inverse(levels::kNl);

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += kBytes) {
        const float d = load_half(blocks);
        const codes::Group group = codes::unpack_nibbles(blocks + 2);
        for (int k = 0; k < 32; k++) values[i + k] = d * static_cast<float>(levels::kNl[group[k]]);
    }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + 2, 16);
    std::memcpy(out[1], block, 2);
}

void join_wide(const std::byte* const* in, std::byte* block) {
    std::memcpy(block + 2, in[0], 16);
    std::memcpy(block, in[1], 2);
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    levels::pack<levels::Order::plain>(codes::unpack_nibbles(block + 2), levels::kNl, out[0]);
    std::memcpy(out[1], block, 2);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    codes::pack_nibbles(levels::unpack<levels::Order::plain>(in[0], kCodes), block + 2);
    std::memcpy(block, in[1], 2);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq4_nl;
const Format format_iq4_nl{"iq4_nl",
                           20,
                           32,
                           decode,
                           nullptr,
                           {wide_planes, split_wide, join_wide},
                           {lane_planes, split_lanes, join_lanes},
                           set_scales};

}  // namespace tuff
