// Choosing codebook entries for groups of values: what the encoders of IQ1, IQ2 and IQ3 share.
//
// For a group of values x with weights w and a scale s, the best entry v minimizes
//
//     sum w (x - s v)^2 = sum w x^2 + s^2 sum (w v^2 - 2 w (x / s) v).
//
// x / s is rounded to levels, element by element; the entries near the point this gives (NearPoints) are
// scored by the second sum, eight at a time.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/quantize/near_points.hpp"
#include "backend/quantize/scale_search.hpp"
#include "backend/quantize/scaled_block.hpp"

namespace tuff {

namespace lanes {

TUFF_INLINE float least(F8 v) {
    v = min(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
    v = min(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
    v = min(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6));
    return v[0];
}

// In every lane the sum of the four lanes of its half.
TUFF_INLINE I8 sum_of_halves(I8 v) {
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
    return v + __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
}

}  // namespace lanes

// Takes the signs off the values of a super-block.
struct Signs {
    std::uint8_t masks[kScaledElements / 8];  // bit e: element e of the eight is negative

    // even: the format can store an even number of minus signs per eight only. Where it is odd, the element
    // that matters least takes the wrong sign, and its magnitude becomes negative: the search then knows that
    // it had better be small.
    TUFF_INLINE Signs(ScaledBlock& block, bool even) {
        for (int g = 0; g < kScaledElements / 8; g++) {
            float* x = block.x + 8 * g;
            const float* w = block.w + 8 * g;
            unsigned mask = 0;
            int weakest = 0;
            for (int e = 0; e < 8; e++) {
                mask |= static_cast<unsigned>(x[e] < 0) << e;
                x[e] = std::fabs(x[e]);
                if (w[e] * x[e] < w[weakest] * x[weakest]) weakest = e;
            }
            if (even && std::popcount(mask) % 2 != 0) {
                mask ^= 1u << weakest;
                x[weakest] = -x[weakest];
            }
            masks[g] = static_cast<std::uint8_t>(mask);
        }
    }
};

// Levels: kElements of an entry (8 or 4), kLevels, kLists of NearPoints, kBase (the lowest level if negative,
// else 0), and I8 nearest(F8), the codes of the nearest levels.
//
// Works on eights: one group of eight values, or two of four.
template <class Levels>
class GridCoder {
  public:
    static constexpr int kEntries = 8 / Levels::kElements;  // in eight values

    struct Chosen {
        std::uint16_t entry[kEntries];
        alignas(32) float v[8];
        float score;
    };

    // The block stays the caller's, and must not change from here on.
    TUFF_INLINE GridCoder(const ScaledBlock& block, const NearPoints& points)
        : block_(block), points_(points) {
        for (int i = 0; i < kScaledElements; i += 8)
            lanes::store8(wx2_ + i, 2.0f * (lanes::load8(block.w + i) * lanes::load8(block.x + i)));
    }

    // The least of sum (w v^2 - 2 w (x / s) v) for eight values from element `at`, inverse = 1 / s. Every
    // level is moved by `shift`.
    [[nodiscard]] TUFF_INLINE float score(int at, float inverse, float shift = 0) const {
        const Eight eight(*this, at, inverse, shift);
        float total = 0;
        for (int g = 0; g < kEntries; g++) {
            const std::uint32_t* levels = points_.levels(eight.point[g]);
            total += lanes::least(scores(levels, at + g * Levels::kElements, eight.pull[g], shift));
        }
        return total;
    }

    // The same, with more candidates, and the entries that reach it.
    TUFF_INLINE void choose(int at, float inverse, float shift, Chosen& chosen) const {
        const Eight eight(*this, at, inverse, shift);
        chosen.score = 0;
        for (int g = 0; g < kEntries; g++) {
            const int first = g * Levels::kElements;
            const std::uint32_t* levels = points_.levels(eight.point[g]);
            float best = std::numeric_limits<float>::infinity();
            int where = 0;
            for (int list = 0; list < Levels::kLists; list++) {
                const lanes::F8 s = scores(levels + list * kListWords, at + first, eight.pull[g], shift);
                for (int lane = 0; lane < 8; lane++)
                    if (s[lane] < best) best = s[lane], where = list * 8 + lane;
            }
            chosen.score += best;
            chosen.entry[g] = points_.entries(eight.point[g])[where];
            for (int e = 0; e < Levels::kElements; e++) {
                const std::uint32_t word = levels[where / 8 * kListWords + e / 4 * 8 + where % 8];
                chosen.v[first + e] =
                    static_cast<float>(word >> (e % 4 * 8) & 255u) + (shift + Levels::kBase);
            }
        }
    }

    // Adds the moments of eight values from element `at` on.
    TUFF_INLINE void add_moments(int at, const float* v, float& xv, float& vv) const {
        const lanes::F8 value = lanes::load8(v);
        xv += 0.5f * lanes::sum(lanes::load8(wx2_ + at) * value);
        vv += lanes::sum(lanes::load8(block_.w + at) * value * value);
    }

  private:
    static constexpr int kListWords = Levels::kElements / 4 * 8;

    // Eight values rounded to levels.
    struct Eight {
        alignas(32) float pull[kEntries][Levels::kElements];  // 2 w x / s
        unsigned point[kEntries];

        TUFF_INLINE Eight(const GridCoder& coder, int at, float inverse, float shift) {
            lanes::store8(pull[0], lanes::load8(coder.wx2_ + at) * inverse);
            lanes::I8 codes = Levels::nearest(lanes::load8(coder.block_.x + at) * inverse - shift);
            constexpr int n = Levels::kLevels, n2 = n * n, n3 = n2 * n, n4 = kEntries == 1 ? n2 * n2 : 1;
            codes = lanes::sum_of_halves(codes * lanes::I8{1, n, n2, n3, n4, n4 * n, n4 * n2, n4 * n3});
            if constexpr (kEntries == 1) {
                point[0] = static_cast<unsigned>(codes[0] + codes[4]);
            } else {
                point[0] = static_cast<unsigned>(codes[0]);
                point[1] = static_cast<unsigned>(codes[4]);
            }
        }
    };

    // Of the eight entries of a list.
    [[nodiscard]] TUFF_INLINE lanes::F8 scores(const std::uint32_t* levels, int at, const float* pull,
                                               float shift) const {
        lanes::F8 sum{};
        for (int e = 0; e < Levels::kElements; e++) {
            lanes::I8 word;
            std::memcpy(&word, levels + e / 4 * 8, sizeof word);
            const lanes::I8 level = (word >> (e % 4 * 8)) & 255;
            const lanes::F8 v = __builtin_convertvector(level, lanes::F8) + (shift + Levels::kBase);
            sum += v * (v * block_.w[at + e] - pull[e]);
        }
        return sum;
    }

    const ScaledBlock& block_;
    const NearPoints& points_;
    alignas(32) float wx2_[kScaledElements];  // 2 w x
};

// What IQ2 and IQ3 give to ScaleSearch: levels are magnitudes, signs are stored apart.
template <class Levels, int SubElements, bool EvenSigns>
class MagnitudeCoder {
  public:
    static constexpr int kSubElements = SubElements;
    using Chosen = typename GridCoder<Levels>::Chosen;

    TUFF_INLINE MagnitudeCoder(ScaledBlock& block, const NearPoints& points)
        : signs_(block, EvenSigns), grid_(block, points) {}

    [[nodiscard]] TUFF_INLINE float error(int j, float s) const {
        const float inverse = 1 / s;
        float total = 0;
        for (int at = j * kSubElements; at < (j + 1) * kSubElements; at += 8)
            total += grid_.score(at, inverse);
        return s * s * total;
    }

    [[nodiscard]] TUFF_INLINE Moments moments(int j, float s) const {
        Moments sums;
        for (int at = j * kSubElements; at < (j + 1) * kSubElements; at += 8)
            grid_.add_moments(at, choose(at / 8, s).v, sums.xv, sums.vv);
        return sums;
    }

    // For eight values.
    [[nodiscard]] TUFF_INLINE Chosen choose(int eight, float s) const {
        Chosen chosen;
        grid_.choose(eight * 8, 1 / s, 0, chosen);
        return chosen;
    }
    [[nodiscard]] TUFF_INLINE unsigned signs(int eight) const { return signs_.masks[eight]; }

  private:
    Signs signs_;
    GridCoder<Levels> grid_;
};

}  // namespace tuff
