// q1_0, q2_0, tq1_0, tq2_0: one or two bits, or a digit of base three, under one scale. The rules are the
// reference's, to the bit; they leave no room for importance.
#include <cmath>

#include "backend/formats/codes.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/fit.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

using namespace lanes;

// x / d rounded to -1, 0 or 1, plus 1.
TUFF_INLINE void digits(const float* x, int count, float d, std::uint8_t* to) {
    const float t = inverse(d);
    for (int i = 0; i < count; i += 8) store_bytes(to + i, round_away(clamp(load8(x + i) * t, -1, 1)) + 1);
}

void encode_q1_0(const float* row, std::uint64_t elements, const float* /*importance*/, std::byte* blocks) {
    constexpr int kBlock = 128;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 18) {
        float sum = 0;
        for (int k = 0; k < kBlock; k++) sum += std::fabs(row[i + k]);
        store_half(blocks, clamp_to_half(sum / kBlock));
        for (int byte = 0; byte < kBlock / 8; byte++) {
            unsigned bits = 0;
            for (int k = 0; k < 8; k++) bits |= unsigned{row[i + byte * 8 + k] >= 0} << k;
            blocks[2 + byte] = std::byte(bits);
        }
    }
}

TUFF_CLONES void encode_q2_0(const float* row, std::uint64_t elements, const float* /*importance*/,
                             std::byte* blocks) {
    constexpr int kBlock = 64;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 18) {
        const float d = clamp_to_half(largest_magnitude(row + i, kBlock));
        std::uint8_t codes[kBlock];
        digits(row + i, kBlock, d, codes);
        store_half(blocks, d);
        for (int k = 0; k < 16; k++) {
            const std::uint8_t* q = codes + k * 4;
            blocks[2 + k] = std::byte(q[0] | q[1] << 2 | q[2] << 4 | q[3] << 6);
        }
    }
}

// `count` bytes, byte k of the digits k, k + count, k + 2 count, ...: the first the most significant, as a
// fraction of 256 rounded up, so that multiplying by three pushes digit after digit out at the top.
template <int Digits>
TUFF_INLINE void pack_base_3(const std::uint8_t* from, int count, std::byte* to) {
    for (int k = 0; k < count; k++) {
        unsigned number = 0;
        for (int digit = 0; digit < 5; digit++)
            number = number * 3 + (digit < Digits ? from[k + digit * count] : 0u);
        to[k] = std::byte((number * 256 + 242) / 243);
    }
}

TUFF_CLONES void encode_tq1_0(const float* row, std::uint64_t elements, const float* /*importance*/,
                              std::byte* blocks) {
    constexpr int kBlock = 256;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 54) {
        const float d = clamp_to_half(largest_magnitude(row + i, kBlock));
        std::uint8_t trits[kBlock];
        digits(row + i, kBlock, d, trits);
        pack_base_3<5>(trits, 32, blocks);
        pack_base_3<5>(trits + 160, 16, blocks + 32);
        pack_base_3<4>(trits + 240, 4, blocks + 48);
        store_half(blocks + 52, d);
    }
}

TUFF_CLONES void encode_tq2_0(const float* row, std::uint64_t elements, const float* /*importance*/,
                              std::byte* blocks) {
    constexpr int kBlock = 256;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 66) {
        const float d = clamp_to_half(largest_magnitude(row + i, kBlock));
        std::memset(blocks, 0, 64);
        for (int g = 0; g < kBlock / 32; g++) {
            codes::Group group;
            digits(row + i + g * 32, 32, d, group.data());
            codes::store_pairs(group, g, blocks);
        }
        store_half(blocks + 64, d);
    }
}

}  // namespace

extern const Encoder encoder_q1_0, encoder_q2_0, encoder_tq1_0, encoder_tq2_0;
const Encoder encoder_q1_0{41, Importance::ignored, encode_q1_0, kLargestHalf};
const Encoder encoder_q2_0{42, Importance::ignored, encode_q2_0, kLargestHalf};
const Encoder encoder_tq1_0{34, Importance::ignored, encode_tq1_0, kLargestHalf};
const Encoder encoder_tq2_0{35, Importance::ignored, encode_tq2_0, kLargestHalf};

}  // namespace tuff
