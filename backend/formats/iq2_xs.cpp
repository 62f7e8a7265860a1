// iq2_xs: super-blocks of 256, half d, 32 words of 16 bits (9 bits of codebook index, 7 signs, the eighth
// being their parity), 16 scales of 4 bits; value = d * (0.5 + scale) / 4 * level * sign.
//
// The planes layout keeps these bytes; the lanes layout takes 106 bytes for the file's 74 (3.3 bits a
// weight).
#include "backend/formats/codebook_format.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kWords = 2, kScales = 66;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int k = 0; k < 32; k++) {
        const auto word = load<std::uint16_t>(block + kWords + k * 2);
        fields.index[k] = word & 511;
        fields.signs[k] = static_cast<std::uint8_t>(signs_of_seven(word >> 9));
    }
    for (int j = 0; j < 16; j++)
        fields.scales[j] = (load<std::uint8_t>(block + kScales + j / 2) >> (j % 2 * 4)) & 15;
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int k = 0; k < 32; k++)
        store(block + kWords + k * 2,
              static_cast<std::uint16_t>((fields.index[k] & 511) | (fields.signs[k] & 127) << 9));
    for (int j = 0; j < 8; j++)
        block[kScales + j] = std::byte((fields.scales[2 * j] & 15) | (fields.scales[2 * j + 1] & 15) << 4);
}

}  // namespace

const CodebookBlock codebook_block_iq2_xs{codebook_iq2_xs, 74, 16, read, write};

namespace {

constexpr Plane planes[] = {{32, 8, 1}, {32, 1, 1}, {256, 2, 2}};  // words, scales, d
constexpr auto pieces =
    std::to_array<Piece>({{kWords, 0, 0, 0, 0, 64, 1}, {kScales, 0, 1, 0, 0, 8, 1}, {0, 0, 2, 0, 0, 2, 1}});

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq2_xs;
const Format format_iq2_xs{"iq2_xs",
                           17,
                           256,
                           decode_codebook<codebook_block_iq2_xs, value_of_half_steps<0.25f>>,
                           nullptr,
                           {planes, split_pieces<pieces>, join_pieces<pieces>},
                           signed_2_bit_lanes<codebook_block_iq2_xs>,
                           set_scales,
                           &codebook_iq2_xs};

}  // namespace tuff
