// iq4_nl: blocks of 32 under one scale, codes of 4 bits that stand for 16 levels. Without importance the rule
// is the reference's, to the bit: of 16 inverse scales the one that explains most, every element weighted by
// its square. With importance more of them are tried, of both signs.
#include <cmath>

#include "backend/quantize/encoder.hpp"
#include "backend/quantize/fit.hpp"
#include "backend/quantize/nl_levels.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

using namespace lanes;

constexpr int kBlock = 32;

struct Sums {
    F8 xq, qq;
};

// For eight inverse scales, in the order of the elements.
TUFF_INLINE Sums sums(const float* x, const float* w, F8 t) {
    Sums s{};
    for (int i = 0; i < kBlock; i++) {
        const F8 q = nearest_nl_level(t * x[i]), wq = w[i] * q;
        s.xq += wq * x[i];
        s.qq += wq * q;
    }
    return s;
}

// The reference's search. Its products may overflow or vanish where those of blocks of ordinary size do not;
// then the plain scale stays.
TUFF_INLINE float scale_by_rule(const float* x, float peak) {
    alignas(32) float w[kBlock];
    for (int i = 0; i < kBlock; i += 8) store8(w + i, load8(x + i) * load8(x + i));
    const F8 first_trials = (F8{0, -7, -6, -5, -4, -3, -2, -1} - 127.0f) / peak;
    F8 t = first_trials;
    t[0] = 1.0f / (-peak / -127.0f);
    const Sums low = sums(x, w, t), high = sums(x, w, (F8{0, 1, 2, 3, 4, 5, 6, 7} - 127.0f) / peak);
    float d = low.qq[0] > 0 ? low.xq[0] / low.qq[0] : 0;
    float best = d * low.xq[0];
    for (int k = 1; k < 16; k++) {
        const float xq = k < 8 ? low.xq[k] : high.xq[k - 8], qq = k < 8 ? low.qq[k] : high.qq[k - 8];
        if (qq > 0 && xq * xq > best * qq) {
            d = xq / qq;
            best = d * xq;
        }
    }
    return d;
}

// Starts, in levels that the largest magnitude falls on; then one step of Lloyd's iteration.
constexpr F8 starts[] = {F8{101, 107, 113, 117, 121, 125, 129, 133},
                         -F8{113, 117, 121, 124, 127, 130, 134, 140}};

TUFF_INLINE float scale_by_importance(const float* x, const float* importance, float peak) {
    alignas(32) float w[kBlock], scaled[kBlock];
    relative_weights(importance, kBlock, w);
    const float t0 = 1.0f / peak;
    for (int i = 0; i < kBlock; i += 8) store8(scaled + i, load8(x + i) * t0);
    float d = 0, best = 0;
    for (const F8& start : starts) {
        F8 t = start, scale{}, error{};
        for (int iteration = 0; iteration < 2; iteration++) {
            const Sums s = sums(scaled, w, t);
            scale = s.xq * inverse(s.qq);
            error = -(scale * s.xq);
            t = inverse(scale);
        }
        const int lane = best_lane(error);
        if (error[lane] < best) {
            best = error[lane];
            d = scale[lane];
        }
    }
    return d * peak;
}

TUFF_CLONES void encode_iq4_nl(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    for (std::uint64_t i = 0; i < elements; i += kBlock, blocks += 18) {
        const float* x = row + i;
        const float amax = largest_magnitude(x, kBlock);
        float d = 0;
        if (amax >= 1e-15f) {
            int at = 0;
            while (std::fabs(x[at]) != amax) at++;
            d = importance ? rounded_to_half(scale_by_importance(x, importance + i, x[at]))
                           : scale_by_rule(x, x[at]);
            if (!(std::fabs(d) <= std::numeric_limits<float>::max())) d = x[at] / -127.0f;
        }
        d = clamp_to_half(d);
        const float t = inverse(d);
        codes::Group group;
        for (int k = 0; k < kBlock; k += 8) store_bytes(group.data() + k, nearest_nl_code(load8(x + k) * t));
        store_half(blocks, d);
        codes::pack_nibbles(group, blocks + 2);
    }
}

}  // namespace

extern const Encoder encoder_iq4_nl;
const Encoder encoder_iq4_nl{20, Importance::used, encode_iq4_nl, 127 * kLargestHalf};

}  // namespace tuff
