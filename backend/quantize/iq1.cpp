// iq1_s, iq1_m: groups of eight, levels -1, 0, 1, all moved by +0.125 or by -0.125: together for 32 elements
// (iq1_s) or for each group (iq1_m). s = d (2 c + 1) with c of three bits, for 32 elements or 16.
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/grid_coder.hpp"

namespace tuff {
namespace {

struct Levels {
    static constexpr int kElements = 8, kLevels = 3, kLists = 1, kBase = -1;
    TUFF_INLINE static lanes::I8 nearest(lanes::F8 v) { return -((v >= -0.5f) + (v >= 0.5f)); }
};

constexpr float kShift = 0.125f;
constexpr float kShifts[] = {kShift, -kShift};

const NearPoints& points() {
    static const NearPoints points(codebook_iq1, Levels::kLists);
    return points;
}

// What a format stores for `SharedEights` groups that are moved together.
template <int SharedEights, int SubElements>
class Iq1 {
  public:
    static constexpr int kSubElements = SubElements;
    static constexpr ScaleRules kRules{.first = 1,
                                       .step = 2,
                                       .codes = 8,
                                       .is_signed = false,
                                       .peak_level = 1,
                                       .mean_level = 0.9f,
                                       .rung = 0.8f,
                                       .least_level = kShift,
                                       .least_ratio = 0.85f,
                                       .most_ratio = 2.2f};
    static constexpr std::array kFlatLevels{1 + kShift, 1 - kShift};
    static constexpr float kLargest = kLargestHalf * 15 * (1 + kShift);

    TUFF_INLINE explicit Iq1(ScaledBlock& block) : grid_(block, points()) {}

    [[nodiscard]] TUFF_INLINE float error(int j, float s) const {
        const float inverse = 1 / s;
        float total = 0;
        for (int run = 0; run < kRuns; run++) {
            float scores[2] = {};
            for (int side = 0; side < 2; side++) {
                for (int k = 0; k < SharedEights; k++) {
                    scores[side] +=
                        grid_.score(j * kSubElements + (run * SharedEights + k) * 8, inverse, kShifts[side]);
                }
            }
            total += std::min(scores[0], scores[1]);
        }
        return s * s * total;
    }

    struct Run {
        typename GridCoder<Levels>::Chosen eights[SharedEights];
        float score = 0;
        bool is_minus;
    };
    // The better shift for a run of eights, and their entries.
    [[nodiscard]] TUFF_INLINE Run choose(int run, float s) const {
        Run sides[2];
        for (int side = 0; side < 2; side++) {
            sides[side].is_minus = side == 1;
            for (int k = 0; k < SharedEights; k++) {
                auto& chosen = sides[side].eights[k];
                grid_.choose((run * SharedEights + k) * 8, 1 / s, kShifts[side], chosen);
                sides[side].score += chosen.score;
            }
        }
        return sides[sides[1].score < sides[0].score];
    }

    [[nodiscard]] TUFF_INLINE Moments moments(int j, float s) const {
        Moments sums;
        for (int i = 0; i < kRuns; i++) {
            const int run = j * kRuns + i;
            const Run chosen = choose(run, s);
            for (int k = 0; k < SharedEights; k++)
                grid_.add_moments((run * SharedEights + k) * 8, chosen.eights[k].v, sums.xv, sums.vv);
        }
        return sums;
    }

  private:
    static constexpr int kRuns = kSubElements / 8 / SharedEights;  // in a sub-block

    GridCoder<Levels> grid_;
};

struct Iq1S : Iq1<4, 32> {
    static constexpr std::size_t kBytes = 50;
    using Iq1::Iq1;

    // Half d; low bytes of 32 entries; for each 32 a word: 4 x 3 high bits, c, the shift's sign.
    TUFF_INLINE void write(const ScaleSearch<Iq1S>& search, std::byte* block) const {
        store(block, search.half());
        for (int j = 0; j < 8; j++) {
            const Run chosen = choose(j, search.scale(j));
            unsigned word = search.code(j) << 12 | (chosen.is_minus ? 0x8000u : 0u);
            for (int k = 0; k < 4; k++) {
                const unsigned entry = chosen.eights[k].entry[0];
                block[2 + 4 * j + k] = std::byte(entry);
                word |= entry >> 8 << (3 * k);
            }
            store(block + 34 + 2 * j, static_cast<std::uint16_t>(word));
        }
    }
};

struct Iq1M : Iq1<1, 16> {
    static constexpr std::size_t kBytes = 56;
    using Iq1::Iq1;

    // Low bytes of 32 entries; nibbles of 3 high bits and the shift's sign; four words of 4 x 3 bits of c
    // with a quarter of d's bits on top.
    TUFF_INLINE void write(const ScaleSearch<Iq1M>& search, std::byte* block) const {
        for (int g = 0; g < 32; g++) {
            const Run chosen = choose(g, search.scale(g / 2));
            const unsigned entry = chosen.eights[0].entry[0];
            block[g] = std::byte(entry);
            block[32 + g / 2] |= std::byte((entry >> 8 | (chosen.is_minus ? 8u : 0u)) << (g % 2 * 4));
        }
        for (int i = 0; i < 4; i++) {
            unsigned word = (search.half() >> (4 * i) & 15u) << 12;
            for (int k = 0; k < 4; k++) word |= search.code(4 * i + k) << (3 * k);
            store(block + 48 + 2 * i, static_cast<std::uint16_t>(word));
        }
    }
};

TUFF_CLONES void encode_iq1_s(const float* row, std::uint64_t elements, const float* importance,
                              std::byte* blocks) {
    encode_super_blocks<Iq1S>(row, elements, importance, blocks);
}
TUFF_CLONES void encode_iq1_m(const float* row, std::uint64_t elements, const float* importance,
                              std::byte* blocks) {
    encode_super_blocks<Iq1M>(row, elements, importance, blocks);
}

}  // namespace

extern const Encoder encoder_iq1_s, encoder_iq1_m;
const Encoder encoder_iq1_s{19, Importance::wanted, encode_iq1_s, Iq1S::kLargest};
const Encoder encoder_iq1_m{29, Importance::wanted, encode_iq1_m, Iq1M::kLargest};

}  // namespace tuff
