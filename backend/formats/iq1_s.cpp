// iq1_s: super-blocks of 256, half d, 32 low bytes of codebook indices, 8 words of 16 bits for 32 weights
// each: four times three high bits of an index, 3 bits of scale, the sign of the shift; value = d * (2 *
// scale + 1) * (level +- 1/8), levels -1, 0, 1.
//
// The planes layout keeps these bytes. The lanes layout stores levels as two bits, and the shift joins the
// offset of -1 that is applied once per 32 weights; it takes 74 bytes for the file's 50 (2.3 bits a weight).
#include <algorithm>
#include <cmath>

#include "backend/formats/codebook_format.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kIndices = 2, kWords = 34;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int g = 0; g < 8; g++) {
        const unsigned word = load<std::uint16_t>(block + kWords + g * 2);
        for (int k = 0; k < 4; k++) {
            fields.index[g * 4 + k] = static_cast<std::uint16_t>(
                load<std::uint8_t>(block + kIndices + g * 4 + k) | ((word >> (3 * k)) & 7u) << 8);
            fields.signs[g * 4 + k] = word >> 15 ? 255 : 0;
        }
        fields.scales[g] = (word >> 12) & 7u;
    }
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int g = 0; g < 8; g++) {
        unsigned word = (fields.scales[g] & 7u) << 12 | (fields.signs[g * 4] & 128u) << 8;
        for (int k = 0; k < 4; k++) {
            block[kIndices + g * 4 + k] = std::byte(fields.index[g * 4 + k]);
            word |= ((fields.index[g * 4 + k] >> 8) & 7u) << (3 * k);
        }
        store(block + kWords + g * 2, static_cast<std::uint16_t>(word));
    }
}

}  // namespace

const CodebookBlock codebook_block_iq1_s{codebook_iq1, 50, 8, read, write};

namespace {

constexpr Plane planes[] = {{32, 4, 1}, {32, 2, 1}, {256, 2, 2}};  // indices, words, d
constexpr auto pieces =
    std::to_array<Piece>({{kIndices, 0, 0, 0, 0, 32, 1}, {kWords, 0, 1, 0, 0, 16, 1}, {0, 0, 2, 0, 0, 2, 1}});

// Lanes: two bits a weight, level + 1; a signed byte per 32, 2 * scale + 1 with the sign of the shift; d.
constexpr Plane lane_planes[] = {{32, 8, 1}, {32, 1, 1}, {256, 2, 2}};

void split_lanes(const std::byte* block, std::byte* const* out) {
    CodebookFields fields;
    read(block, fields);
    for (unsigned g = 0; g < 8; g++) {
        codes::Group codes;
        for (unsigned w = 0; w < 4; w++)
            codes::set_eight(codes, static_cast<int>(w), codebook_block_iq1_s.eight_codes(fields, g * 4 + w));
        codes::pack_pairs(codes, out[0] + g * 8);
        const int scale = 2 * fields.scales[g] + 1;
        out[1][g] = std::byte(CodebookBlock::negative(fields, g * 32) ? -scale : scale);
    }
    store(out[2], fields.d);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    CodebookFields fields;
    std::uint8_t codes[256];
    for (unsigned g = 0; g < 8; g++) {
        std::ranges::copy(codes::unpack_pairs(in[0] + g * 8), codes + g * 32);
        const int scale = load<std::int8_t>(in[1] + g);
        fields.scales[g] = static_cast<std::uint8_t>((std::abs(scale) - 1) / 2);
        for (unsigned k = 0; k < 4; k++) fields.signs[g * 4 + k] = scale < 0 ? 255 : 0;
    }
    set_indices(codebook_iq1, codes, fields);
    fields.d = load<std::uint16_t>(in[2]);
    write(fields, block);
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    constexpr auto value = [](float d, unsigned scale, int level, bool negative) {
        return std::fabs(d) * static_cast<float>(2 * scale + 1) *
               (static_cast<float>(level + 1) + (negative ? 1.125f : 0.875f));
    };
    decode_codebook<codebook_block_iq1_s, value>(blocks, elements, magnitudes);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq1_s;
const Format format_iq1_s{"iq1_s",
                          19,
                          256,
                          decode_codebook<codebook_block_iq1_s, value_of_shifted>,
                          magnitude,
                          {planes, split_pieces<pieces>, join_pieces<pieces>},
                          {lane_planes, split_lanes, join_lanes},
                          set_scales,
                          &codebook_iq1};

}  // namespace tuff
