// iq2_xxs, iq2_xs, iq2_s: groups of eight, levels 8, 25, 43 under signs; s = d (0.5 + c) / 4 with c of four
// bits, for 32 elements (iq2_xxs) or 16.
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/grid_coder.hpp"

namespace tuff {
namespace {

struct Levels {
    static constexpr int kElements = 8, kLevels = 3, kLists = 2, kBase = 0;
    TUFF_INLINE static lanes::I8 nearest(lanes::F8 v) { return -((v >= 16.5f) + (v >= 34.0f)); }
};

template <int SubElements, bool EvenSigns>
struct Iq2 : MagnitudeCoder<Levels, SubElements, EvenSigns> {
    using MagnitudeCoder<Levels, SubElements, EvenSigns>::MagnitudeCoder;

    static constexpr ScaleRules kRules{.first = 0.125f,
                                       .step = 0.25f,
                                       .codes = 16,
                                       .is_signed = false,
                                       .peak_level = 40,
                                       .mean_level = 26,
                                       .rung = 0.9f,
                                       .least_level = 8,
                                       .least_ratio = 0.85f,
                                       .most_ratio = 2.2f};
    static constexpr std::array kFlatLevels{8.0f, 25.0f};
    static constexpr float kLargest = kLargestHalf * 3.875f * 43;
};

struct Iq2Xxs : Iq2<32, true> {
    static constexpr std::size_t kBytes = 66;

    TUFF_INLINE explicit Iq2Xxs(ScaledBlock& block) : Iq2(block, points()) {}

    static const NearPoints& points() {
        static const NearPoints points(codebook_iq2_xxs, Levels::kLists);
        return points;
    }

    // Half d; for each 32 four entries (bytes), then 4 x 7 signs and c in a word.
    TUFF_INLINE void write(const ScaleSearch<Iq2Xxs>& search, std::byte* block) const {
        store(block, search.half());
        for (int j = 0; j < 8; j++) {
            std::byte* out = block + 2 + 8 * j;
            std::uint32_t word = search.code(j) << 28;
            for (int k = 0; k < 4; k++) {
                out[k] = std::byte(choose(4 * j + k, search.scale(j)).entry[0]);
                word |= (signs(4 * j + k) & 127u) << (7 * k);
            }
            store(out + 4, word);
        }
    }
};

struct Iq2Xs : Iq2<16, true> {
    static constexpr std::size_t kBytes = 74;

    TUFF_INLINE explicit Iq2Xs(ScaledBlock& block) : Iq2(block, points()) {}

    static const NearPoints& points() {
        static const NearPoints points(codebook_iq2_xs, Levels::kLists);
        return points;
    }

    // Half d; for each eight 9 bits of entry and 7 signs; then nibbles of c.
    TUFF_INLINE void write(const ScaleSearch<Iq2Xs>& search, std::byte* block) const {
        store(block, search.half());
        for (int g = 0; g < 32; g++) {
            const unsigned word = choose(g, search.scale(g / 2)).entry[0] | (signs(g) & 127u) << 9;
            store(block + 2 + 2 * g, static_cast<std::uint16_t>(word));
        }
        for (int j = 0; j < 16; j++) block[66 + j / 2] |= std::byte(search.code(j) << (j % 2 * 4));
    }
};

struct Iq2S : Iq2<16, false> {
    static constexpr std::size_t kBytes = 82;

    TUFF_INLINE explicit Iq2S(ScaledBlock& block) : Iq2(block, points()) {}

    static const NearPoints& points() {
        static const NearPoints points(codebook_iq2_s, Levels::kLists);
        return points;
    }

    // Half d; low bytes of 32 entries; signs of 32 groups; two high bits of each entry; nibbles of c.
    TUFF_INLINE void write(const ScaleSearch<Iq2S>& search, std::byte* block) const {
        store(block, search.half());
        for (int g = 0; g < 32; g++) {
            const unsigned entry = choose(g, search.scale(g / 2)).entry[0];
            block[2 + g] = std::byte(entry);
            block[34 + g] = std::byte(signs(g));
            block[66 + g / 4] |= std::byte(entry >> 8 << (g % 4 * 2));
        }
        for (int j = 0; j < 16; j++) block[74 + j / 2] |= std::byte(search.code(j) << (j % 2 * 4));
    }
};

TUFF_CLONES void encode_iq2_xxs(const float* row, std::uint64_t elements, const float* importance,
                                std::byte* blocks) {
    encode_super_blocks<Iq2Xxs>(row, elements, importance, blocks);
}
TUFF_CLONES void encode_iq2_xs(const float* row, std::uint64_t elements, const float* importance,
                               std::byte* blocks) {
    encode_super_blocks<Iq2Xs>(row, elements, importance, blocks);
}
TUFF_CLONES void encode_iq2_s(const float* row, std::uint64_t elements, const float* importance,
                              std::byte* blocks) {
    encode_super_blocks<Iq2S>(row, elements, importance, blocks);
}

}  // namespace

extern const Encoder encoder_iq2_xxs, encoder_iq2_xs, encoder_iq2_s;
const Encoder encoder_iq2_xxs{16, Importance::wanted, encode_iq2_xxs, Iq2Xxs::kLargest};
const Encoder encoder_iq2_xs{17, Importance::wanted, encode_iq2_xs, Iq2Xs::kLargest};
const Encoder encoder_iq2_s{22, Importance::used, encode_iq2_s, Iq2S::kLargest};

}  // namespace tuff
