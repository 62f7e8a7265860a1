// nvfp4: blocks of 64 in 4 groups of 16, 4 scale bytes (UE4M3), 32 bytes of nibbles (8 a group, element i
// low, i + 8 high); value = level[code] * scale / 2, levels being twice those of E2M1.
//
// For a device two groups of 16 become one of 32. The lanes layout has the level of each weight in a
// byte: 8.5 bits per weight instead of 4.5 (levels.hpp).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/levels.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 36;
constexpr Plane wide_planes[] = {{32, 16, 1}, {32, 2, 1}};  // codes, scales
constexpr Plane lane_planes[] = {{32, 32, 2}, {32, 2, 1}};  // levels, scales
constexpr levels::Inverse kCodes = levels::inverse(levels::kMarkedFp4);

// Half of an unsigned E4M3 number (exponent bias 7). Bit 7 is ignored, 0x7f is 0; but 0xff is 480, as the
// reference has it.
float half_scale(unsigned byte) {
    const unsigned exponent = (byte >> 3) & 15u;
    const auto mantissa = static_cast<float>(byte & 7u);
    if (byte == 0x7f) return 0;
    return exponent == 0 ? mantissa * 0x1p-10f : std::ldexp(8 + mantissa, static_cast<int>(exponent) - 11);
}

codes::Group load_codes(const std::byte* block, int group) {
    codes::Group out;
    for (int w = 0; w < 4; w++)
        codes::set_eight(
            out, w,
            (load<std::uint64_t>(block + 4 + group * 16 + w / 2 * 8) >> (w % 2 * 4)) & codes::every8(15));
    return out;
}

void store_codes(const codes::Group& in, int group, std::byte* block) {
    for (int w = 0; w < 2; w++)
        store(block + 4 + group * 16 + w * 8, codes::eight(in, 2 * w) | codes::eight(in, 2 * w + 1) << 4);
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 64, blocks += kBytes)
        for (int g = 0; g < 2; g++) {
            const codes::Group group = load_codes(blocks, g);
            for (int k = 0; k < 32; k++)
                values[i + g * 32 + k] = static_cast<float>(levels::kFp4[group[k]]) *
                                         half_scale(codes::byte_at(blocks, g * 2 + k / 16));
        }
}

void split_wide(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 2; g++) codes::pack_nibbles(load_codes(block, g), out[0] + g * 16);
    std::memcpy(out[1], block, 4);
}

void join_wide(const std::byte* const* in, std::byte* block) {
    for (int g = 0; g < 2; g++) store_codes(codes::unpack_nibbles(in[0] + g * 16), g, block);
    std::memcpy(block, in[1], 4);
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    for (int g = 0; g < 2; g++)
        levels::pack<levels::Order::paired>(load_codes(block, g), levels::kMarkedFp4, out[0] + g * 32);
    std::memcpy(out[1], block, 4);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    for (int g = 0; g < 2; g++)
        store_codes(levels::unpack<levels::Order::paired>(in[0] + g * 32, kCodes), g, block);
    std::memcpy(block, in[1], 4);
}

// The largest finite scale at or below 2 |scale|; 448 is the format's largest.
void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    unsigned byte = 0;
    while (byte < 0x7e && half_scale(byte + 1) <= std::fabs(scale)) byte++;
    std::memset(block, static_cast<int>(byte), 4);
}

}  // namespace

extern const Format format_nvfp4;
const Format format_nvfp4{"nvfp4",
                          40,
                          64,
                          decode,
                          nullptr,
                          {wide_planes, split_wide, join_wide},
                          {lane_planes, split_lanes, join_lanes},
                          set_scales};

}  // namespace tuff
