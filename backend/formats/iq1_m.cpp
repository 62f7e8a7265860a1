// iq1_m: super-blocks of 256, 32 low bytes of codebook indices, 32 nibbles (three high bits of an index, the
// sign of the shift of its 8 weights), four words of 16 bits: each four scales of 3 bits and above them a
// quarter of the half d; value = d * (2 * scale + 1) * (level +- 1/8), levels -1, 0, 1.
//
// The planes layout keeps these bytes. In the lanes layout each weight's code holds its shift too; it takes
// 106 bytes for the file's 56 (3.3 bits a weight).
#include "backend/formats/codebook_format.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kNibbles = 32, kWords = 48;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    for (int k = 0; k < 32; k++) {
        const unsigned nibble = (load<std::uint8_t>(block + kNibbles + k / 2) >> (k % 2 * 4)) & 15u;
        fields.index[k] = static_cast<std::uint16_t>(load<std::uint8_t>(block + k) | (nibble & 7u) << 8);
        fields.signs[k] = nibble & 8u ? 255 : 0;
    }
    fields.d = 0;
    for (int w = 0; w < 4; w++) {
        const auto word = load<std::uint16_t>(block + kWords + w * 2);
        for (int j = 0; j < 4; j++) fields.scales[w * 4 + j] = (word >> (3 * j)) & 7;
        fields.d |= static_cast<std::uint16_t>(word >> 12 << (4 * w));
    }
}

void set_d(std::byte* block, std::uint16_t d) {
    for (int w = 0; w < 4; w++) {
        const unsigned word = load<std::uint16_t>(block + kWords + w * 2);
        store(block + kWords + w * 2,
              static_cast<std::uint16_t>((word & 4095u) | ((d >> (4 * w)) & 15u) << 12));
    }
}

void write(const CodebookFields& fields, std::byte* block) {
    for (int k = 0; k < 32; k += 2) {
        unsigned nibbles = 0;
        for (int i = 0; i < 2; i++) {
            const unsigned index = fields.index[k + i];
            block[k + i] = std::byte(index);
            nibbles |= (((index >> 8) & 7u) | (fields.signs[k + i] & 8u)) << (4 * i);
        }
        block[kNibbles + k / 2] = std::byte(nibbles);
    }
    for (int w = 0; w < 4; w++) {
        unsigned word = 0;
        for (int j = 0; j < 4; j++) word |= (fields.scales[w * 4 + j] & 7u) << (3 * j);
        store(block + kWords + w * 2, static_cast<std::uint16_t>(word));
    }
    set_d(block, fields.d);
}

}  // namespace

const CodebookBlock codebook_block_iq1_m{codebook_iq1, 56, 16, read, write};

namespace {

constexpr Plane planes[] = {{32, 4, 1}, {32, 2, 1}, {256, 8, 1}};  // indices, nibbles, scales with d
constexpr auto pieces =
    std::to_array<Piece>({{0, 0, 0, 0, 0, 32, 1}, {kNibbles, 0, 1, 0, 0, 16, 1}, {kWords, 0, 2, 0, 0, 8, 1}});

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    set_d(block, float_to_half(scale));
}

}  // namespace

extern const Format format_iq1_m;
const Format format_iq1_m{"iq1_m",
                          29,
                          256,
                          decode_codebook<codebook_block_iq1_m, value_of_shifted>,
                          nullptr,
                          {planes, split_pieces<pieces>, join_pieces<pieces>},
                          signed_2_bit_lanes<codebook_block_iq1_m>,
                          set_scales,
                          &codebook_iq1};

}  // namespace tuff
