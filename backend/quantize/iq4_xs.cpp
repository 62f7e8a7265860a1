// iq4_xs: 16 levels that are not symmetric (levels::kNl), s = d (c - 32) with c of six bits for 32 elements.
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/nl_levels.hpp"
#include "backend/quantize/scale_search.hpp"

namespace tuff {
namespace {

class Iq4Xs {
  public:
    static constexpr std::size_t kBytes = 136;
    static constexpr int kSubElements = 32;
    static constexpr ScaleRules kRules{.first = -32,
                                       .step = 1,
                                       .codes = 64,
                                       .is_signed = true,
                                       .peak_level = 113,
                                       .mean_level = 55,
                                       .rung = 0.97f,
                                       .least_level = 1,
                                       .least_ratio = 0.98f,
                                       .most_ratio = 1.3f};
    static constexpr std::array<float, 0> kFlatLevels{};
    static constexpr float kLargest = kLargestHalf * 32 * 127;

    TUFF_INLINE explicit Iq4Xs(ScaledBlock& block) : block_(block) {}

    [[nodiscard]] TUFF_INLINE float error(int j, float s) const {
        if (s == 0) return 0;
        const float inverse = 1 / s;
        lanes::F8 sum{};
        for (int i = j * kSubElements; i < (j + 1) * kSubElements; i += 8) {
            const lanes::F8 x = lanes::load8(block_.x + i), w = lanes::load8(block_.w + i);
            const lanes::F8 value = s * lanes::nearest_nl_level(x * inverse);
            sum += w * (value * (value - 2.0f * x));
        }
        return lanes::sum(sum);
    }

    [[nodiscard]] TUFF_INLINE Moments moments(int j, float s) const {
        if (s == 0) return {};
        const float inverse = 1 / s;
        lanes::F8 xv{}, vv{};
        for (int i = j * kSubElements; i < (j + 1) * kSubElements; i += 8) {
            const lanes::F8 x = lanes::load8(block_.x + i), w = lanes::load8(block_.w + i);
            const lanes::F8 v = lanes::nearest_nl_level(x * inverse);
            xv += w * x * v;
            vv += w * v * v;
        }
        return {lanes::sum(xv), lanes::sum(vv)};
    }

    // Half d; two high bits of each c; their low nibbles; nibbles of the codes.
    TUFF_INLINE void write(const ScaleSearch<Iq4Xs>& search, std::byte* block) const {
        store(block, search.half());
        unsigned highs = 0, lows = 0;
        for (int j = 0; j < 8; j++) {
            highs |= search.code(j) >> 4 << (2 * j);
            lows |= (search.code(j) & 15u) << (4 * j);
            const float s = search.scale(j), inverse = s == 0 ? 0 : 1 / s;
            for (int i = 0; i < 16; i += 8) {
                const float* x = block_.x + 32 * j + i;
                const lanes::I8 low = lanes::nearest_nl_code(lanes::load8(x) * inverse);
                const lanes::I8 high = lanes::nearest_nl_code(lanes::load8(x + 16) * inverse);
                lanes::store_bytes(block + 8 + 16 * j + i, low | high << 4);
            }
        }
        store(block + 2, static_cast<std::uint16_t>(highs));
        store(block + 4, lows);
    }

  private:
    const ScaledBlock& block_;
};

TUFF_CLONES void encode_iq4_xs(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    encode_super_blocks<Iq4Xs>(row, elements, importance, blocks);
}

}  // namespace

extern const Encoder encoder_iq4_xs;
const Encoder encoder_iq4_xs{23, Importance::used, encode_iq4_xs, Iq4Xs::kLargest};

}  // namespace tuff
