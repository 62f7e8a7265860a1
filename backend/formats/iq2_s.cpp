// iq2_s: super-blocks of 256, half d, 32 low bytes of codebook indices, 32 bytes of signs, two high bits of
// the indices in 8 bytes, 16 scales of 4 bits; value = d * (0.5 + scale) / 4 * level * sign.
//
// The planes layout puts the bytes of each 32 weights together; the lanes layout takes 106 bytes for the
// file's 82 (3.3 bits a weight).
#include "backend/formats/codebook_format.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kIndices = 2, kSigns = 34, kHighs = 66, kScales = 74;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int k = 0; k < 32; k++) {
        const unsigned high = (load<std::uint8_t>(block + kHighs + k / 4) >> (k % 4 * 2)) & 3u;
        fields.index[k] = static_cast<std::uint16_t>(load<std::uint8_t>(block + kIndices + k) | high << 8);
        fields.signs[k] = load<std::uint8_t>(block + kSigns + k);
    }
    for (int j = 0; j < 16; j++)
        fields.scales[j] = (load<std::uint8_t>(block + kScales + j / 2) >> (j % 2 * 4)) & 15;
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int g = 0; g < 8; g++) {
        unsigned highs = 0;
        for (int k = 0; k < 4; k++) {
            const unsigned index = fields.index[g * 4 + k];
            block[kIndices + g * 4 + k] = std::byte(index);
            block[kSigns + g * 4 + k] = std::byte(fields.signs[g * 4 + k]);
            highs |= ((index >> 8) & 3u) << (2 * k);
        }
        block[kHighs + g] = std::byte(highs);
        block[kScales + g] = std::byte((fields.scales[2 * g] & 15) | (fields.scales[2 * g + 1] & 15) << 4);
    }
}

}  // namespace

const CodebookBlock codebook_block_iq2_s{codebook_iq2_s, 82, 16, read, write};

namespace {

constexpr Plane planes[] = {{32, 8, 1}, {32, 2, 1}, {256, 2, 2}};  // (indices, signs), (high bits, scales), d
constexpr auto pieces = std::to_array<Piece>({{kIndices, 4, 0, 0, 8, 4, 8},
                                              {kSigns, 4, 0, 4, 8, 4, 8},
                                              {kHighs, 1, 1, 0, 2, 1, 8},
                                              {kScales, 1, 1, 1, 2, 1, 8},
                                              {0, 0, 2, 0, 0, 2, 1}});

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq2_s;
const Format format_iq2_s{"iq2_s",
                          22,
                          256,
                          decode_codebook<codebook_block_iq2_s, value_of_half_steps<0.25f>>,
                          nullptr,
                          {planes, split_pieces<pieces>, join_pieces<pieces>},
                          signed_2_bit_lanes<codebook_block_iq2_s>,
                          set_scales,
                          &codebook_iq2_s};

}  // namespace tuff
