// q3_k and q6_k: super-blocks of 256 in groups of 16, value = d * scale * code, scale and code signed
// integers. Chosen as in k_affine.cpp, without mins.
#include <cmath>

#include "backend/formats/codes.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/super_block.hpp"

namespace tuff {
namespace {

using namespace lanes;

constexpr int kGroup = 16, kGroups = kSuperBlock / kGroup;

struct Q3K {
    static constexpr int bytes = 110, rounds = 3, iterations = 1, tries = 4;
    static constexpr float low = -4, high = 3, least = -32, largest = 31;
    static constexpr std::array<F8, 3> starts = {
        -F8{4.0f, 2.4f, 2.8f, 3.1f, 3.4f, 3.7f, 4.3f, 4.6f},
        F8{2.2f, 2.5f, 2.7f, 2.9f, 3.1f, 3.3f, 3.5f, 3.8f},
        F8{-2.6f, -2.95f, -3.25f, -3.55f, -3.85f, -4.15f, 2.4f, 3.0f}};
};
struct Q6K {
    static constexpr int bytes = 210, rounds = 2, iterations = 1, tries = 1;
    static constexpr float low = -32, high = 31, least = -128, largest = 127;
    static constexpr std::array<F8, 2> starts = {-F8{32.0f, 30.7f, 31.1f, 31.4f, 31.7f, 32.3f, 32.6f, 33.0f},
                                                 F8{29.7f, 30.1f, 30.4f, 30.7f, 31.0f, 31.3f, 31.6f, 32.0f}};
};

constexpr F8 scale_steps{0, 1, -1, 2, -2, 3, -3, 4};

struct Choice {
    float d = 0;
    float scale[kGroups] = {};  // integers
    float error = std::numeric_limits<float>::infinity();
};

// The integer around `scale` with the smallest error, which is returned.
template <class Type>
TUFF_INLINE float choose(const float* x, const float* w, float d, float& scale) {
    const F8 s = clamp(round_even(scale) + scale_steps, Type::least, Type::largest);
    const F8 step = d * s, t = inverse(step);
    F8 error{};
    for (int i = 0; i < kGroup; i++) {
        const F8 rest = x[i] - step * clamp(round_even(x[i] * t), Type::low, Type::high);
        error += w[i] * rest * rest;
    }
    const int lane = best_lane(error);
    scale = s[lane];
    return error[lane];
}

template <class Type>
TUFF_INLINE F8 rounded_codes(const float* x, float step) {
    return clamp(round_even(load8(x) * inverse(step)), Type::low, Type::high);
}

// The best d for these integers and codes.
template <class Type>
TUFF_INLINE float refit(const SuperBlock& block, const Choice& choice) {
    F8 xs{}, ss{};
    for (int i = 0; i < kSuperBlock; i += 8) {
        const float scale = choice.scale[i / kGroup];
        const F8 level = scale * rounded_codes<Type>(block.x + i, choice.d * scale);
        const F8 weighted = load8(block.w + i) * level;
        xs += weighted * load8(block.x + i);
        ss += weighted * level;
    }
    return sum(xs) * inverse(sum(ss));
}

// Step 3 for all groups, under d as it can be stored.
template <class Type>
TUFF_INLINE Choice choose_all(const SuperBlock& block, float d, const float* scales) {
    Choice choice;
    choice.d = block.as_stored(d);
    choice.error = 0;
    for (int j = 0; j < kGroups; j++) {
        choice.scale[j] = scales[j] * inverse(choice.d);
        choice.error += choose<Type>(block.x + j * kGroup, block.w + j * kGroup, choice.d, choice.scale[j]);
    }
    return choice;
}

template <class Type>
TUFF_INLINE Choice search(const SuperBlock& block) {
    float scales[kGroups], extreme = 0;
    for (int j = 0; j < kGroups; j++) {
        scales[j] = fit_signed(block.x + j * kGroup, block.w + j * kGroup, kGroup, Type::low, Type::high,
                               Type::starts.data(), Type::starts.size(), Type::iterations)
                        .scale;
        if (std::fabs(scales[j]) > std::fabs(extreme)) extreme = scales[j];
    }
    Choice best;
    for (int k = 0; k < Type::tries; k++) {
        const Choice next = choose_all<Type>(block, extreme / (Type::least + static_cast<float>(k)), scales);
        if (next.error < best.error) best = next;
    }
    for (int round = 1; round < Type::rounds; round++) {
        float refined[kGroups];
        for (int j = 0; j < kGroups; j++) refined[j] = best.scale[j] * best.d;
        const Choice better = choose_all<Type>(block, refit<Type>(block, best), refined);
        if (!(better.error < best.error)) break;
        best = better;
    }
    // So little error is left by the rounding of d alone. Other scales round differently.
    constexpr float kRoundingOfD = 1e-6f;
    if (best.error > 0 && best.error < kRoundingOfD * energy(block)) {
        for (int k = Type::tries; k < 16; k++) {
            const Choice next =
                choose_all<Type>(block, extreme / (Type::least + static_cast<float>(k)), scales);
            if (next.error < best.error) best = next;
        }
    }
    return best;
}

TUFF_INLINE void pack(const Choice& choice, const codes::Group* q, float d, std::byte* to, Q3K) {
    for (int g = 0; g < 8; g++) {
        codes::store_bits(q[g], g, 2, to);
        codes::store_pairs(q[g], g, to + 32);
    }
    for (int j = 0; j < kGroups; j++) {
        const auto scale = static_cast<unsigned>(choice.scale[j] + 32);
        to[96 + j % 8] |= std::byte((scale & 15) << j / 8 * 4);
        to[104 + j % 4] |= std::byte(scale >> 4 << j / 4 * 2);
    }
    store_half(to + 108, d);
}

TUFF_INLINE void pack(const Choice& choice, const codes::Group* q, float d, std::byte* to, Q6K) {
    for (int g = 0; g < 8; g++) {
        codes::store_fields(q[g], g % 4 / 2 * 4, 15, to + g / 4 * 64 + g % 2 * 32);
        codes::Group high;
        for (int w = 0; w < 4; w++) codes::set_eight(high, w, codes::eight(q[g], w) >> 4);
        codes::store_pairs(high, g, to + 128);
    }
    for (int j = 0; j < kGroups; j++) to[192 + j] = std::byte(static_cast<int>(choice.scale[j]));
    store_half(to + 208, d);
}

template <class Type>
TUFF_CLONES void encode(const float* row, std::uint64_t elements, const float* importance,
                        std::byte* blocks) {
    for (std::uint64_t i = 0; i < elements; i += kSuperBlock, blocks += Type::bytes) {
        std::memset(blocks, 0, Type::bytes);
        SuperBlock block;
        if (!load_super_block(row + i, importance ? importance + i : nullptr, block)) continue;
        const Choice choice = search<Type>(block);
        codes::Group q[kSuperBlock / 32];
        for (int k = 0; k < kSuperBlock; k += 8) {
            const F8 code = rounded_codes<Type>(block.x + k, choice.d * choice.scale[k / kGroup]);
            store_bytes(q[k / 32].data() + k % 32, __builtin_convertvector(code - Type::low, I8));
        }
        pack(choice, q, choice.d * block.unit, blocks, Type{});
    }
}

}  // namespace

extern const Encoder encoder_q3_k, encoder_q6_k;
const Encoder encoder_q3_k{11, Importance::used, encode<Q3K>, 4 * 32 * kLargestHalf};
const Encoder encoder_q6_k{14, Importance::used, encode<Q6K>, 32 * 128 * kLargestHalf};

}  // namespace tuff
