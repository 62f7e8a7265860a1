// q2_k, q4_k, q5_k: super-blocks of 256 in groups, value = d * scale * code - dmin * min; scales and mins are
// small integers. All choices minimize the sum of weight * error^2 (the weights are the importance, or 1):
//   1. a scale and a min for each group by itself (fit.hpp);
//   2. d and dmin such that the largest of them can be stored;
//   3. for each group, the pair of integers around the fitted ones that leaves the smallest error;
//   4. the best d and dmin for these integers and codes, and step 3 again, as long as it helps.
// The reference searches less and weights by magnitude too; any choice gives a valid block.
#include "backend/formats/k_scaled.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/super_block.hpp"

namespace tuff {
namespace {

using namespace lanes;

struct Q2K {
    static constexpr int group = 16, bytes = 84, rounds = 3;
    static constexpr float levels = 3, largest = 15;
    static constexpr std::array<AffineStarts, 2> starts = {
        {{{0, 0, .2f, .4f, .6f, 0, 0, .3f}, {0, -1.5f, 0, 0, 0, .3f, .6f, .5f}},
         {{-.2f, .1f, .3f, .3f, .6f, .1f, .6f, -.3f}, {-.2f, .1f, .1f, .3f, .6f, .5f, .2f, .3f}}}};
    static constexpr int iterations = 2, pairs = 2;
};
struct Q4K {
    static constexpr int group = 32, bytes = 144, rounds = 2;
    static constexpr float levels = 15, largest = 63;
    static constexpr std::array<AffineStarts, 2> starts = affine_starts<15>;
    static constexpr int iterations = 1, pairs = 1;
};
struct Q5K {
    static constexpr int group = 32, bytes = 176, rounds = 2;
    static constexpr float levels = 31, largest = 63;
    static constexpr std::array<AffineStarts, 2> starts = affine_starts<31>;
    static constexpr int iterations = 1, pairs = 1;
};

// Integers around the fitted ones to try. A larger scale goes with a larger min.
constexpr F8 scale_steps[] = {{0, 0, 0, 1, -1, 1, -1, 1}, {0, 0, 1, -1, 2, 2, 2, -1}};
constexpr F8 min_steps[] = {{0, 1, -1, 0, 0, 1, -1, -1}, {2, -2, 2, 1, 0, 1, 2, -2}};

template <class Type>
struct Choice {
    static constexpr int groups = kSuperBlock / Type::group;
    float d = 0, dmin = 0;
    float scale[groups] = {}, min[groups] = {};  // integers
    float error = std::numeric_limits<float>::infinity();
};

// Step 3 for one group: replaces scale and min, integers or not, and returns the error.
template <class Type>
TUFF_INLINE float choose(const float* x, const float* w, float d, float dmin, float& scale, float& min) {
    const float near_scale = round_even(scale), near_min = round_even(min);
    float least = std::numeric_limits<float>::infinity();
    for (int batch = 0; batch < Type::pairs; batch++) {
        const F8 s = clamp(near_scale + scale_steps[batch], 0, Type::largest);
        const F8 m = clamp(near_min + min_steps[batch], 0, Type::largest);
        const F8 step = d * s, low = dmin * m, t = inverse(step);
        F8 error{};
        for (int i = 0; i < Type::group; i++) {
            const F8 moved = x[i] + low;
            const F8 rest = moved - step * clamp(round_even(moved * t), 0, Type::levels);
            error += w[i] * rest * rest;
        }
        const int lane = best_lane(error);
        if (error[lane] < least) {
            least = error[lane];
            scale = s[lane];
            min = m[lane];
        }
    }
    return least;
}

template <class Type>
TUFF_INLINE F8 rounded_codes(const float* x, float step, float low) {
    return clamp(round_even((load8(x) + low) * inverse(step)), 0, Type::levels);
}

// Step 4: least squares over the whole super-block.
template <class Type>
TUFF_INLINE void refit(const SuperBlock& block, const Choice<Type>& choice, float& d, float& dmin) {
    float ss = 0, sm = 0, mm = 0, xs = 0, xm = 0;
    for (int j = 0; j < choice.groups; j++) {
        F8 sum_w{}, sum_x{}, sum_q{}, sum_qq{}, sum_xq{};
        for (int i = j * Type::group; i < (j + 1) * Type::group; i += 8) {
            const F8 q =
                rounded_codes<Type>(block.x + i, choice.d * choice.scale[j], choice.dmin * choice.min[j]);
            const F8 w = load8(block.w + i), x = load8(block.x + i);
            sum_w += w;
            sum_x += w * x;
            sum_q += w * q;
            sum_qq += w * q * q;
            sum_xq += w * x * q;
        }
        const float s = choice.scale[j], m = choice.min[j];
        ss += s * s * sum(sum_qq);
        sm += s * m * sum(sum_q);
        mm += m * m * sum(sum_w);
        xs += s * sum(sum_xq);
        xm += m * sum(sum_x);
    }
    const float over = inverse(ss * mm - sm * sm);
    d = xs * inverse(ss);
    dmin = 0;
    if (over > 0) {
        d = (xs * mm - xm * sm) * over;
        dmin = (xs * sm - xm * ss) * over;
    }
}

template <class Type>
TUFF_INLINE Choice<Type> choose_all(const SuperBlock& block) {
    Choice<Type> best;
    float scale[best.groups], min[best.groups], largest_scale = 0, largest_min = 0;
    for (int j = 0; j < best.groups; j++) {
        const AffineFit fit =
            fit_affine<true>(block.x + j * Type::group, block.w + j * Type::group, Type::group, Type::levels,
                             Type::starts.data(), Type::starts.size(), Type::iterations);
        scale[j] = fit.scale;
        min[j] = -fit.low;
        largest_scale = scale[j] > largest_scale ? scale[j] : largest_scale;
        largest_min = min[j] > largest_min ? min[j] : largest_min;
    }
    float d = largest_scale / Type::largest, dmin = largest_min / Type::largest;
    for (int round = 0; round < Type::rounds; round++) {
        Choice<Type> next;
        next.d = block.as_stored(d);
        next.dmin = block.as_stored(dmin);
        next.error = 0;
        for (int j = 0; j < next.groups; j++) {
            next.scale[j] = scale[j] * inverse(next.d);
            next.min[j] = min[j] * inverse(next.dmin);
            next.error += choose<Type>(block.x + j * Type::group, block.w + j * Type::group, next.d,
                                       next.dmin, next.scale[j], next.min[j]);
        }
        if (!(next.error < best.error)) break;
        best = next;
        refit(block, best, d, dmin);
        if (!(d > 0) || dmin < 0) break;
        for (int j = 0; j < best.groups; j++) {
            scale[j] = best.scale[j] * best.d;
            min[j] = best.min[j] * best.dmin;
        }
    }
    return best;
}

TUFF_INLINE void pack(const Choice<Q2K>& choice, float d, float dmin, const codes::Group* q, std::byte* to) {
    for (int j = 0; j < 16; j++)
        to[j] = std::byte(static_cast<unsigned>(choice.scale[j]) | static_cast<unsigned>(choice.min[j]) << 4);
    for (int g = 0; g < 8; g++) codes::store_pairs(q[g], g, to + 16);
    store_half(to + 80, d);
    store_half(to + 82, dmin);
}

template <class Type>
TUFF_INLINE void pack(const Choice<Type>& choice, float d, float dmin, const codes::Group* q, std::byte* to) {
    store_half(to, d);
    store_half(to + 2, dmin);
    k_scaled::ScaleMin scales[8];
    for (int g = 0; g < 8; g++) {
        scales[g] = {static_cast<std::uint8_t>(choice.scale[g]), static_cast<std::uint8_t>(choice.min[g])};
        k_scaled::store_codes<{.has_fifths = (Type::levels > 15)}>(q[g], g, to);
    }
    k_scaled::pack_scales(scales, to);
}

template <class Type>
TUFF_CLONES void encode(const float* row, std::uint64_t elements, const float* importance,
                        std::byte* blocks) {
    for (std::uint64_t i = 0; i < elements; i += kSuperBlock, blocks += Type::bytes) {
        std::memset(blocks, 0, Type::bytes);
        SuperBlock block;
        if (!load_super_block(row + i, importance ? importance + i : nullptr, block)) continue;
        const Choice<Type> choice = choose_all<Type>(block);
        codes::Group q[kSuperBlock / 32];
        for (int k = 0; k < kSuperBlock; k += 8) {
            const int j = k / Type::group;
            store_bytes(q[k / 32].data() + k % 32,
                        __builtin_convertvector(rounded_codes<Type>(block.x + k, choice.d * choice.scale[j],
                                                                    choice.dmin * choice.min[j]),
                                                I8));
        }
        pack(choice, choice.d * block.unit, choice.dmin * block.unit, q, blocks);
    }
}

}  // namespace

extern const Encoder encoder_q2_k, encoder_q4_k, encoder_q5_k;
const Encoder encoder_q2_k{10, Importance::used, encode<Q2K>, 3 * 15 * kLargestHalf};
const Encoder encoder_q4_k{12, Importance::used, encode<Q4K>, 15 * 63 * kLargestHalf};
const Encoder encoder_q5_k{13, Importance::used, encode<Q5K>, 31 * 63 * kLargestHalf};

}  // namespace tuff
