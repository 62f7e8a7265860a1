// iq3_xxs: super-blocks of 256, half d, 64 codebook indices of 8 bits (4 weights each), 8 words: four times 7
// signs (the eighth is their parity), 4 bits of scale; value = d * (0.5 + scale) / 2 * level * sign.
//
// The planes layout puts the bytes of each 32 weights together; the lanes layout takes 138 bytes for the
// file's 98 (4.3 bits a weight).
#include "backend/formats/codebook_format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kIndices = 2, kWords = 66;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int k = 0; k < 64; k++) fields.index[k] = load<std::uint8_t>(block + kIndices + k);
    for (int g = 0; g < 8; g++) {
        const auto word = load<std::uint32_t>(block + kWords + g * 4);
        for (int k = 0; k < 4; k++)
            fields.signs[g * 4 + k] = static_cast<std::uint8_t>(signs_of_seven((word >> (7 * k)) & 127u));
        fields.scales[g] = static_cast<std::uint8_t>(word >> 28);
    }
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int k = 0; k < 64; k++) block[kIndices + k] = std::byte(fields.index[k]);
    for (int g = 0; g < 8; g++) {
        std::uint32_t word = std::uint32_t{fields.scales[g]} << 28;
        for (int k = 0; k < 4; k++) word |= (fields.signs[g * 4 + k] & 127u) << (7 * k);
        store(block + kWords + g * 4, word);
    }
}

}  // namespace

const CodebookBlock codebook_block_iq3_xxs{codebook_iq3_xxs, 98, 8, read, write};

namespace {

constexpr Plane planes[] = {{32, 12, 1}, {256, 2, 2}};  // (indices, signs and scale), d
constexpr auto pieces =
    std::to_array<Piece>({{kIndices, 8, 0, 0, 12, 8, 8}, {kWords, 4, 0, 8, 12, 4, 8}, {0, 0, 1, 0, 0, 2, 1}});

// Lanes: four bits a weight, level code and above it the sign; element j + 8 * l is nibble j of word l.
constexpr Plane lane_planes[] = {{32, 16, 4}, {32, 1, 1}, {256, 2, 2}};

void split_lanes(const std::byte* block, std::byte* const* out) {
    CodebookFields fields;
    read(block, fields);
    for (unsigned w = 0; w < 32; w++)
        store(out[0] + w * 4, codes::gather_nibbles(codebook_block_iq3_xxs.eight_codes(fields, w) |
                                                    CodebookBlock::eight_negative(fields, w) << 3));
    split_scales<codebook_block_iq3_xxs>(fields, out[1]);
    store(out[2], fields.d);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    CodebookFields fields;
    std::uint8_t codes[256];
    for (unsigned k = 0; k < 256; k++) {
        const unsigned code = (std::to_integer<unsigned>(in[0][k / 2]) >> (k % 2 * 4)) & 15u;
        codes[k] = code & 7;
        fields.signs[k / 8] |= static_cast<std::uint8_t>(code >> 3 << k % 8);
    }
    set_indices(codebook_iq3_xxs, codes, fields);
    join_scales<codebook_block_iq3_xxs>(in[1], fields);
    fields.d = load<std::uint16_t>(in[2]);
    write(fields, block);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq3_xxs;
const Format format_iq3_xxs{"iq3_xxs",
                            18,
                            256,
                            decode_codebook<codebook_block_iq3_xxs, value_of_half_steps<0.5f>>,
                            nullptr,
                            {planes, split_pieces<pieces>, join_pieces<pieces>},
                            {lane_planes, split_lanes, join_lanes},
                            set_scales,
                            &codebook_iq3_xxs};

}  // namespace tuff
