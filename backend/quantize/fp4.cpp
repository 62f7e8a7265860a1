// mxfp4 and nvfp4: floats of four bits (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives) under an exponent
// shared by 32 elements, or under an unsigned float of eight bits shared by 16. The rules are the
// reference's.
#include <cmath>

#include "backend/formats/codes.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/fit.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

using namespace lanes;

// The code whose level times `scale` is nearest to x, the lowest code on ties; levels are 0, 1, 2, 3, 4, 6,
// 8, 12 and, from code 8 up, their negatives. Distances are rounded to float32 as the reference's are, so
// every level has to be tried.
TUFF_INLINE I8 nearest_fp4(F8 x, float scale) {
    constexpr float levels[] = {0, 1, 2, 3, 4, 6, 8, 12};
    const F8 magnitude = abs(x);
    F8 nearest = magnitude;
    I8 code{};
    for (int k = 1; k < 8; k++) {
        const F8 distance = abs(levels[k] * scale - magnitude);
        const I8 nearer = distance < nearest;
        nearest = nearer ? distance : nearest;
        code = nearer ? I8{} + k : code;
    }
    return ((x < 0.0f) & (code > 0)) ? code + 8 : code;
}

// floor(log2(amax)), where the logarithm is rounded to float32 first: a few values just below a power of two
// reach it.
TUFF_INLINE int floor_log2(float amax) {
    const auto bits = std::bit_cast<std::uint32_t>(amax);
    constexpr std::uint32_t kMantissa = 0x7fffff, kNearlyOne = kMantissa - 127;
    const bool plain = bits >> 23 != 0 && (bits & kMantissa) < kNearlyOne;
    if (plain) return static_cast<int>(bits >> 23) - 127;
    return static_cast<int>(std::floor(static_cast<float>(std::log2(static_cast<double>(amax)))));
}

TUFF_CLONES void encode_mxfp4(const float* row, std::uint64_t elements, const float* /*importance*/,
                              std::byte* blocks) {
    constexpr int kBlock = 32;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 17) {
        const float amax = largest_magnitude(row + i, kBlock);
        // Below 2^-125 the reference's exponent wraps round, to one that marks the block as invalid among
        // others, and all codes are 0; here it stays 0. The largest exponent is 252.
        const int exponent = amax > 0 ? floor_log2(amax) + 125 : 0;
        const int e = exponent < 0 ? 0 : exponent;
        const float scale = std::ldexp(1.0f, e - 128);
        codes::Group group;
        for (int k = 0; k < kBlock; k += 8)
            store_bytes(group.data() + k, exponent < 0 ? I8{} : nearest_fp4(load8(row + i + k), scale));
        blocks[0] = std::byte(e);
        codes::pack_nibbles(group, blocks + 1);
    }
}

// Unsigned, four bits of exponent with bias 7, three of mantissa; nothing above 448.
TUFF_INLINE std::uint8_t to_ue4m3(float value) {
    if (!(value > 0)) return 0;
    const auto bits = std::bit_cast<std::uint32_t>(value);
    int exponent = static_cast<int>(bits >> 23) - 127 + 7;
    unsigned mantissa = (bits >> 20 & 7u) + (bits >> 19 & 1u);
    if (exponent <= 0) {
        const auto code = static_cast<unsigned>(value * 512.0f + 0.5f);
        return static_cast<std::uint8_t>(code < 7 ? code : 7);
    }
    if (mantissa > 7) {
        mantissa = 0;
        exponent++;
    }
    return static_cast<std::uint8_t>(exponent >= 15 ? 0x7e : exponent << 3 | static_cast<int>(mantissa));
}

TUFF_INLINE float from_ue4m3(std::uint8_t code) {
    const int exponent = code >> 3, mantissa = code & 7;
    if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-9f;
    return static_cast<float>(8 + mantissa) * std::bit_cast<float>((exponent - 10 + 127) << 23);
}

TUFF_CLONES void encode_nvfp4(const float* row, std::uint64_t elements, const float* /*importance*/,
                              std::byte* blocks) {
    constexpr int kBlock = 64, kGroup = 16;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 36) {
        for (int j = 0; j < kBlock / kGroup; j++) {
            const float* x = row + i + j * kGroup;
            const std::uint8_t scale = to_ue4m3(largest_magnitude(x, kGroup) / 6.0f);
            std::uint8_t codes[kGroup];
            for (int k = 0; k < kGroup; k += 8)
                store_bytes(codes + k, nearest_fp4(load8(x + k), from_ue4m3(scale) / 2));
            blocks[j] = std::byte(scale);
            for (int k = 0; k < 8; k++) blocks[4 + j * 8 + k] = std::byte(codes[k] | codes[k + 8] << 4);
        }
    }
}

}  // namespace

extern const Encoder encoder_mxfp4, encoder_nvfp4;
const Encoder encoder_mxfp4{39, Importance::ignored, encode_mxfp4};
const Encoder encoder_nvfp4{40, Importance::ignored, encode_nvfp4, 6 * 448.0f};

}  // namespace tuff
