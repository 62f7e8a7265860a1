// The search for scales that the encoders of all IQ formats with super-blocks of 256 share.
//
// Sub-block j of such a format holds values d m(c) v: d is the super-block's scale (binary16), c the
// sub-block's scale code, m(c) = kFirst + c kStep, and v what the codes of its elements stand for. The
// weighted error
//
//     E_j(s) = min over codes of sum w (x - s v)^2,   s = d m(c)
//
// depends on the scale alone. For a given d every sub-block finds its best c by itself, so what is left is a
// search over one number:
//
//  1. each sub-block alone tries a ladder of scales, from what its largest value needs down to what its mean
//     magnitude needs, and refits the best in closed form: s_j = sum w x v / sum w v^2;
//  2. from there its error grows by at most (sum w v^2) (s - s_j)^2. By this bound many d are compared;
//  3. for the most promising, E_j is computed for the scale codes on either side of s_j; the best d is kept;
//  4. d is refitted in closed form for the codes found, d = sum m xv / sum m^2 vv, and codes are chosen anew
//     for it, as long as that helps.
//
// The weights are the importance of the elements as given, or all 1: what is minimized is the error that is
// reported.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "backend/quantize/scaled_block.hpp"

namespace tuff {

// sum w x v and sum w v^2 over a sub-block, v being the values of its best codes.
struct Moments {
    float xv = 0, vv = 0;
};

// What a format's scales are like, and where to look for them.
struct ScaleRules {
    float first, step;  // m(c) = first + c step
    int codes;          // how many c there are
    bool is_signed;     // s may be negative: m(0) < 0, and levels are not symmetric

    float peak_level, mean_level;   // what the largest magnitude and the mean magnitude may become, in units
                                    // of s, on the first and on the last rung of the ladder
    float rung;                     // a rung by the one before it
    float least_level;              // the smallest |v|, what an element that is 0 becomes
    float least_ratio, most_ratio;  // range of d by the one that gives the largest s_j the largest m(c)
};

// Coder: kSubElements; kRules; kFlatLevels, which values that are all alike may become; for sub-block j
//   float error(int j, float s): E_j(s) - sum w x^2
//   Moments moments(int j, float s)
template <class Coder>
class ScaleSearch {
    static constexpr int kSubs = kScaledElements / Coder::kSubElements;
    static constexpr ScaleRules kRules = Coder::kRules;
    static constexpr int kExactAttempts = 2;
    static constexpr int kRefits = 2;
    // Step between the d that are compared by their bounds.
    static constexpr float kRatioStep = 1.02f;

  public:
    TUFF_INLINE ScaleSearch(const Coder& coder, const ScaledBlock& block) : coder_(coder), block_(block) {}

    // False if no scale is better than a block of zeros.
    TUFF_INLINE bool run() {
        for (int j = 0; j < kSubs; j++) fit_alone(j);
        compare_bounds();
        if (d_.half == 0) return false;
        for (int i = 0; i < kRefits && refit(); i++) {
        }
        return true;
    }

    [[nodiscard]] TUFF_INLINE std::uint16_t half() const { return d_.half; }
    [[nodiscard]] TUFF_INLINE unsigned code(int j) const { return codes_[j]; }
    [[nodiscard]] TUFF_INLINE float scale(int j) const { return d_.value * multiplier(codes_[j]); }

  private:
    using Codes = std::array<std::uint8_t, kSubs>;

    TUFF_INLINE static float multiplier(int code) {
        return kRules.first + static_cast<float>(code) * kRules.step;
    }

    struct Best {
        float scale = 0, error = 0;
    };
    TUFF_INLINE void attempt(int j, float s, Best& best) const {
        const float error = coder_.error(j, s);
        if (error < best.error) best = {s, error};
        if constexpr (kRules.is_signed) {
            const float mirrored = coder_.error(j, -s);
            if (mirrored < best.error) best = {-s, mirrored};
        }
    }

    // Step 1: finds wanted_[j] and stiffness_[j].
    TUFF_INLINE void fit_alone(int j) {
        lanes::F8 peaks{}, sums{}, weights{};
        for (int i = j * Coder::kSubElements; i < (j + 1) * Coder::kSubElements; i += 8) {
            const lanes::F8 x = lanes::abs(lanes::load8(block_.x + i)), w = lanes::load8(block_.w + i);
            peaks = lanes::max(peaks, x);
            sums += w * x;
            weights += w;
        }
        const float weight = lanes::sum(weights);
        const float peak = lanes::largest(peaks), mean = lanes::sum(sums) / weight;
        wanted_[j] = 0;
        stiffness_[j] = kRules.least_level * kRules.least_level * weight;
        if (!(peak > 0)) return;

        Best best;
        const float top = peak / kRules.peak_level, last = std::min(mean / kRules.mean_level, top * 0.7f);
        for (float s = top, next = 0; s >= last; s = next) {
            attempt(j, s, best);
            next = s * kRules.rung;
            if (next == s) break;  // among the smallest numbers a rung is no step
        }
        if (peak < 1.6f * mean)
            for (const float level : Coder::kFlatLevels) attempt(j, mean / level, best);
        if (best.scale == 0) return;
        const Moments sums_there = coder_.moments(j, best.scale);
        wanted_[j] = sums_there.xv / sums_there.vv;
        stiffness_[j] = sums_there.vv;
    }

    // Steps 2 and 3.
    TUFF_INLINE void compare_bounds() {
        float most = 0;
        for (const float s : wanted_) most = std::fabs(s) > std::fabs(most) ? s : most;
        if (most == 0) return;
        struct Attempt {
            float bound = std::numeric_limits<float>::infinity(), d = 0;
        };
        std::array<Attempt, kExactAttempts> kept{};
        const float start = most / (kRules.is_signed ? kRules.first : multiplier(kRules.codes - 1));
        float previous = 0;
        for (float ratio = kRules.least_ratio; ratio < kRules.most_ratio; ratio *= kRatioStep) {
            Attempt next{0, stored_scale(start * ratio, block_.unit).value};
            if (next.d == previous) continue;
            previous = next.d;
            next.bound = bound(next.d);
            for (Attempt& slot : kept)
                if (next.bound < slot.bound) std::swap(slot, next);
        }
        for (const Attempt& one : kept)
            if (one.d != 0) try_scale(one.d);
    }

    [[nodiscard]] TUFF_INLINE float bound(float d) const {
        const float inverse = 1 / d;
        lanes::F8 bound{};
        for (int j = 0; j < kSubs; j += 8) {
            const lanes::F8 s = lanes::load8(wanted_ + j),
                            c = (s * inverse - kRules.first) * (1 / kRules.step);
            const lanes::F8 code =
                lanes::round_even(lanes::clamp(c, 0, static_cast<float>(kRules.codes - 1)));
            const lanes::F8 off = (code * kRules.step + kRules.first) * d - s;
            bound += off * off * lanes::load8(stiffness_ + j);
        }
        return lanes::sum(bound);
    }

    // Takes this d, with the best scale codes for it, if that makes the error smaller.
    TUFF_INLINE bool try_scale(float wanted_d) {
        const StoredScale d = stored_scale(wanted_d, block_.unit);
        if (d.half == d_.half) return false;
        Codes codes{};
        float total = 0;
        for (int j = 0; j < kSubs; j++) {
            const float c = (wanted_[j] / d.value - kRules.first) * (1 / kRules.step);
            const float near = lanes::round_even(std::clamp(c, 0.0f, static_cast<float>(kRules.codes - 1)));
            const int nearest = static_cast<int>(near), second = c > near ? nearest + 1 : nearest - 1;
            float best = coder_.error(j, d.value * multiplier(nearest));
            codes[j] = static_cast<std::uint8_t>(nearest);
            if (second >= 0 && second < kRules.codes) {
                const float error = coder_.error(j, d.value * multiplier(second));
                if (error < best) best = error, codes[j] = static_cast<std::uint8_t>(second);
            }
            total += best;
        }
        if (!(total < error_)) return false;
        error_ = total;
        d_ = d;
        codes_ = codes;
        return true;
    }

    // Step 4.
    TUFF_INLINE bool refit() {
        float xv = 0, vv = 0;
        for (int j = 0; j < kSubs; j++) {
            const float m = multiplier(codes_[j]);
            const Moments sums = coder_.moments(j, d_.value * m);
            if (sums.vv > 0) wanted_[j] = sums.xv / sums.vv;
            xv += m * sums.xv;
            vv += m * m * sums.vv;
        }
        return vv > 0 && try_scale(xv / vv);
    }

    const Coder& coder_;
    const ScaledBlock& block_;
    alignas(32) float wanted_[kSubs];     // s_j
    alignas(32) float stiffness_[kSubs];  // sum w v^2 there
    StoredScale d_;
    Codes codes_{};
    float error_ = 0;  // of d_ and codes_, less that of a block of zeros
};

// Encodes a row. Coder, in addition: kBytes of a block; kLargest, the largest magnitude; a constructor that
// takes a ScaledBlock, which it may change; and
//   void write(const ScaleSearch<Coder>&, std::byte* block), block being zero bytes
template <class Coder>
TUFF_INLINE void encode_super_blocks(const float* row, std::uint64_t elements, const float* importance,
                                     std::byte* blocks) {
    std::memset(blocks, 0, elements / kScaledElements * Coder::kBytes);
    for (std::uint64_t i = 0; i < elements; i += kScaledElements, blocks += Coder::kBytes) {
        ScaledBlock block;
        if (!block.load(row + i, importance == nullptr ? nullptr : importance + i, Coder::kLargest)) continue;
        const Coder coder(block);
        ScaleSearch<Coder> search(coder, block);
        if (search.run()) coder.write(search, blocks);
    }
}

}  // namespace tuff
