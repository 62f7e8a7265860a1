// mxfp4 (OCP Microscaling Formats 1.0): blocks of 32, an exponent byte e, 16 bytes of nibbles (element i low,
// i + 16 high); value = level[code] * 2^(e - 128), levels being twice those of E2M1.
//
// The lanes layout has the level of each weight in a byte: 8.25 bits per weight instead of 4.25 (levels.hpp).
// Its kernels multiply by 2^(min(e, 253) - 126) and by 1/4, so that no scale is subnormal, which devices may
// take for zero, and none is infinite; for e = 254 and 255 the levels are two and four times as large
// instead.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/levels.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 17;
constexpr Plane wide_planes[] = {{32, 16, 1}, {32, 1, 1}};  // codes, exponent
constexpr Plane lane_planes[] = {{32, 32, 2}, {32, 1, 1}};  // levels, exponent

// 2^(e - 128); subnormal for e < 2.
float scale(unsigned e) {
    return std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
}

// The marked levels of a block with exponent e, as the lanes layout has them.
constexpr levels::Table lane_levels(unsigned e) {
    levels::Table table = levels::kMarkedFp4;
    for (std::int8_t& level : table)
        if (level != 1) level = static_cast<std::int8_t>(level * (1 << (std::max(e, 253u) - 253u)));
    return table;
}
constexpr levels::Table kLevels[] = {lane_levels(253), lane_levels(254), lane_levels(255)};
constexpr levels::Inverse kCodes[] = {levels::inverse(kLevels[0]), levels::inverse(kLevels[1]),
                                      levels::inverse(kLevels[2])};
unsigned table_of(unsigned e) {
    return std::max(e, 253u) - 253u;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += kBytes) {
        const float d = scale(codes::byte_at(blocks, 0));
        const codes::Group group = codes::unpack_nibbles(blocks + 1);
        for (int k = 0; k < 32; k++) values[i + k] = static_cast<float>(levels::kFp4[group[k]]) * d;
    }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + 1, 16);
    out[1][0] = block[0];
}

void join_wide(const std::byte* const* in, std::byte* block) {
    std::memcpy(block + 1, in[0], 16);
    block[0] = in[1][0];
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    levels::pack<levels::Order::paired>(codes::unpack_nibbles(block + 1),
                                        kLevels[table_of(codes::byte_at(block, 0))], out[0]);
    out[1][0] = block[0];
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    codes::pack_nibbles(
        levels::unpack<levels::Order::paired>(in[0], kCodes[table_of(codes::byte_at(in[1], 0))]), block + 1);
    block[0] = in[1][0];
}

// The power of two at or below |scale|; infinity becomes the largest exponent.
void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    const int e = std::isinf(scale) ? 255 : scale == 0 ? 0 : std::clamp(std::ilogb(scale) + 128, 0, 254);
    block[0] = std::byte(e);
}

}  // namespace

extern const Format format_mxfp4;
const Format format_mxfp4{"mxfp4",
                          39,
                          32,
                          decode,
                          nullptr,
                          {wide_planes, split_wide, join_wide},
                          {lane_planes, split_lanes, join_lanes},
                          set_scales};

}  // namespace tuff
