// iq3_xxs, iq3_s: groups of four, eight levels under signs, sub-blocks of 32 with a scale code c of four
// bits.
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/grid_coder.hpp"

namespace tuff {
namespace {

// 4, 12, ... 52, 62.
struct XxsLevels {
    static constexpr int kElements = 4, kLevels = 8, kLists = 2, kBase = 0;
    TUFF_INLINE static lanes::I8 nearest(lanes::F8 v) {
        return __builtin_convertvector(lanes::clamp(v, 0, 55) * 0.125f, lanes::I8) - (v >= 57.0f);
    }
};

// 1, 3, ... 15.
struct SLevels {
    static constexpr int kElements = 4, kLevels = 8, kLists = 2, kBase = 0;
    TUFF_INLINE static lanes::I8 nearest(lanes::F8 v) {
        return __builtin_convertvector(lanes::clamp(v, 0, 15) * 0.5f, lanes::I8);
    }
};

// s = d (0.5 + c) / 2
struct Iq3Xxs : MagnitudeCoder<XxsLevels, 32, true> {
    static constexpr std::size_t kBytes = 98;
    static constexpr ScaleRules kRules{.first = 0.25f,
                                       .step = 0.5f,
                                       .codes = 16,
                                       .is_signed = false,
                                       .peak_level = 50,
                                       .mean_level = 24,
                                       .rung = 0.96f,
                                       .least_level = 4,
                                       .least_ratio = 0.85f,
                                       .most_ratio = 2.2f};
    static constexpr std::array kFlatLevels{4.0f, 12.0f, 20.0f, 28.0f, 36.0f};
    static constexpr float kLargest = kLargestHalf * 7.75f * 62;

    TUFF_INLINE explicit Iq3Xxs(ScaledBlock& block) : MagnitudeCoder(block, points()) {}

    static const NearPoints& points() {
        static const NearPoints points(codebook_iq3_xxs, XxsLevels::kLists);
        return points;
    }

    // Half d; 64 entries (bytes); for each 32 a word of 4 x 7 signs and c.
    TUFF_INLINE void write(const ScaleSearch<Iq3Xxs>& search, std::byte* block) const {
        store(block, search.half());
        for (int j = 0; j < 8; j++) {
            std::uint32_t word = search.code(j) << 28;
            for (int k = 0; k < 4; k++) {
                const Chosen chosen = choose(4 * j + k, search.scale(j));
                for (int half = 0; half < 2; half++)
                    block[2 + 8 * j + 2 * k + half] = std::byte(chosen.entry[half]);
                word |= (signs(4 * j + k) & 127u) << (7 * k);
            }
            store(block + 66 + 4 * j, word);
        }
    }
};

// s = d (1 + 2 c)
struct Iq3S : MagnitudeCoder<SLevels, 32, false> {
    static constexpr std::size_t kBytes = 110;
    static constexpr ScaleRules kRules{.first = 1,
                                       .step = 2,
                                       .codes = 16,
                                       .is_signed = false,
                                       .peak_level = 12.5f,
                                       .mean_level = 6,
                                       .rung = 0.96f,
                                       .least_level = 1,
                                       .least_ratio = 0.85f,
                                       .most_ratio = 2.2f};
    static constexpr std::array kFlatLevels{1.0f, 3.0f, 5.0f, 7.0f, 9.0f};
    static constexpr float kLargest = kLargestHalf * 31 * 15;

    TUFF_INLINE explicit Iq3S(ScaledBlock& block) : MagnitudeCoder(block, points()) {}

    static const NearPoints& points() {
        static const NearPoints points(codebook_iq3_s, SLevels::kLists);
        return points;
    }

    // Half d; low bytes of 64 entries; their high bits; signs of 32 groups of eight; nibbles of c.
    TUFF_INLINE void write(const ScaleSearch<Iq3S>& search, std::byte* block) const {
        store(block, search.half());
        for (int g = 0; g < 32; g++) {
            const Chosen chosen = choose(g, search.scale(g / 4));
            for (int half = 0; half < 2; half++) {
                const int four = 2 * g + half;
                block[2 + four] = std::byte(chosen.entry[half]);
                block[66 + four / 8] |= std::byte(chosen.entry[half] >> 8 << (four % 8));
            }
            block[74 + g] = std::byte(signs(g));
        }
        for (int j = 0; j < 8; j++) block[106 + j / 2] |= std::byte(search.code(j) << (j % 2 * 4));
    }
};

TUFF_CLONES void encode_iq3_xxs(const float* row, std::uint64_t elements, const float* importance,
                                std::byte* blocks) {
    encode_super_blocks<Iq3Xxs>(row, elements, importance, blocks);
}
TUFF_CLONES void encode_iq3_s(const float* row, std::uint64_t elements, const float* importance,
                              std::byte* blocks) {
    encode_super_blocks<Iq3S>(row, elements, importance, blocks);
}

}  // namespace

extern const Encoder encoder_iq3_xxs, encoder_iq3_s;
const Encoder encoder_iq3_xxs{18, Importance::used, encode_iq3_xxs, Iq3Xxs::kLargest};
const Encoder encoder_iq3_s{21, Importance::used, encode_iq3_s, Iq3S::kLargest};

}  // namespace tuff
