// q8_1 and q8_k: what activations are quantized to for products of integers. No file holds them.
#include <cmath>
#include <limits>

#include "backend/quantize/encoder.hpp"
#include "backend/quantize/fit.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

using namespace lanes;

TUFF_CLONES void encode_q8_1(const float* row, std::uint64_t elements, const float* /*importance*/,
                             std::byte* blocks) {
    constexpr int kBlock = 32;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 36) {
        const float d = clamp_to_half(largest_magnitude(row + i, kBlock) / 127.0f);
        const float t = inverse(d);
        I8 sum{};
        for (int k = 0; k < kBlock; k += 8) {
            const I8 code = round_away(clamp(load8(row + i + k) * t, -127, 127));
            store_bytes(blocks + 4 + k, code);
            sum += code;
        }
        int total = 0;
        for (int k = 0; k < 8; k++) total += sum[k];
        store_half(blocks, d);
        store_half(blocks + 2, clamp_to_half(static_cast<float>(total) * d));
    }
}

TUFF_CLONES void encode_q8_k(const float* row, std::uint64_t elements, const float* /*importance*/,
                             std::byte* blocks) {
    constexpr int kBlock = 256, kCodes = 4, kSums = 260;
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 292) {
        const float* x = row + i;
        const float amax = largest_magnitude(x, kBlock);
        int at = 0;
        while (std::fabs(x[at]) != amax) at++;
        const float c = amax == 0 ? 0 : -127.0f / x[at];
        const bool usable = std::fabs(c) > 0 && std::fabs(c) <= std::numeric_limits<float>::max();
        store(blocks, usable ? 1.0f / c : 0.0f);
        for (int j = 0; j < kBlock; j += 16) {
            int sum = 0;
            for (int k = j; k < j + 16; k += 8) {
                const F8 q = clamp(round_even((usable ? c : 0.0f) * load8(x + k)), -128, 127);
                const I8 code = __builtin_convertvector(q, I8);
                store_bytes(blocks + kCodes + k, code);
                for (int lane = 0; lane < 8; lane++) sum += code[lane];
            }
            store(blocks + kSums + j / 8, static_cast<std::int16_t>(sum));
        }
    }
}

}  // namespace

extern const Encoder encoder_q8_1, encoder_q8_k;
const Encoder encoder_q8_1{9, Importance::ignored, encode_q8_1, 127 * kLargestHalf};
const Encoder encoder_q8_k{15, Importance::ignored, encode_q8_k};

}  // namespace tuff
