// iq2_xxs: super-blocks of 256, half d, then for each 32 weights four codebook indices of 8 bits and a word:
// four times 7 signs (the eighth is their parity), 4 bits of scale; value = d * (0.5 + scale) / 4 * level *
// sign.
//
// The planes layout keeps these bytes; the lanes layout takes 106 bytes for the file's 66 (3.3 bits a
// weight).
#include "backend/formats/codebook_format.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int g = 0; g < 8; g++) {
        const std::byte* at = block + 2 + g * 8;
        const auto word = load<std::uint32_t>(at + 4);
        for (int k = 0; k < 4; k++) {
            fields.index[g * 4 + k] = load<std::uint8_t>(at + k);
            fields.signs[g * 4 + k] = static_cast<std::uint8_t>(signs_of_seven((word >> (7 * k)) & 127u));
        }
        fields.scales[g] = static_cast<std::uint8_t>(word >> 28);
    }
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int g = 0; g < 8; g++) {
        std::byte* at = block + 2 + g * 8;
        std::uint32_t word = std::uint32_t{fields.scales[g]} << 28;
        for (int k = 0; k < 4; k++) {
            at[k] = std::byte(fields.index[g * 4 + k]);
            word |= (fields.signs[g * 4 + k] & 127u) << (7 * k);
        }
        store(at + 4, word);
    }
}

}  // namespace

const CodebookBlock codebook_block_iq2_xxs{codebook_iq2_xxs, 66, 8, read, write};

namespace {

constexpr Plane planes[] = {{32, 8, 1}, {256, 2, 2}};  // (indices, signs and scale), d
constexpr auto pieces = std::to_array<Piece>({{2, 0, 0, 0, 0, 64, 1}, {0, 0, 1, 0, 0, 2, 1}});

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq2_xxs;
const Format format_iq2_xxs{"iq2_xxs",
                            16,
                            256,
                            decode_codebook<codebook_block_iq2_xxs, value_of_half_steps<0.25f>>,
                            nullptr,
                            {planes, split_pieces<pieces>, join_pieces<pieces>},
                            signed_2_bit_lanes<codebook_block_iq2_xxs>,
                            set_scales,
                            &codebook_iq2_xxs};

}  // namespace tuff
