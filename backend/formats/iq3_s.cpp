// iq3_s: super-blocks of 256, half d, 64 low bytes of codebook indices (4 weights each), their high bits in 8
// bytes, 32 bytes of signs, 8 scales of 4 bits; value = d * (1 + 2 * scale) * level * sign.
//
// The levels are the odd numbers up to 15, so signed they are 2n - 15 for n below 16: the lanes layout stores
// n in a nibble and runs like q4_0. It takes 138 bytes for the file's 110 (4.3 bits a weight). The planes
// layout puts the bytes of each 32 weights together.
#include <cmath>

#include "backend/formats/codebook_format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/formats/pieces.hpp"

namespace tuff {
namespace {

constexpr int kIndices = 2, kHighs = 66, kSigns = 74, kScales = 106;  // offsets in a block

void read(const std::byte* block, CodebookFields& fields) {
    fields.d = load<std::uint16_t>(block);
    for (int k = 0; k < 64; k++) {
        const unsigned high = (load<std::uint8_t>(block + kHighs + k / 8) >> (k % 8)) & 1u;
        fields.index[k] = static_cast<std::uint16_t>(load<std::uint8_t>(block + kIndices + k) | high << 8);
    }
    for (int k = 0; k < 32; k++) fields.signs[k] = load<std::uint8_t>(block + kSigns + k);
    for (int g = 0; g < 8; g++)
        fields.scales[g] = (load<std::uint8_t>(block + kScales + g / 2) >> (g % 2 * 4)) & 15;
}

void write(const CodebookFields& fields, std::byte* block) {
    store(block, fields.d);
    for (int g = 0; g < 8; g++) {
        unsigned highs = 0;
        for (int k = 0; k < 8; k++) {
            block[kIndices + g * 8 + k] = std::byte(fields.index[g * 8 + k]);
            highs |= ((fields.index[g * 8 + k] >> 8) & 1u) << k;
        }
        block[kHighs + g] = std::byte(highs);
    }
    for (int k = 0; k < 32; k++) block[kSigns + k] = std::byte(fields.signs[k]);
    for (int j = 0; j < 4; j++)
        block[kScales + j] = std::byte((fields.scales[2 * j] & 15) | (fields.scales[2 * j + 1] & 15) << 4);
}

float value(float d, unsigned scale, int level, bool negative) {
    const float magnitude = d * static_cast<float>(1 + 2 * scale) * static_cast<float>(level);
    return negative ? -magnitude : magnitude;
}

}  // namespace

const CodebookBlock codebook_block_iq3_s{codebook_iq3_s, 110, 8, read, write};

namespace {

constexpr Plane planes[] = {
    {32, 12, 1}, {256, 12, 1}, {256, 2, 2}};  // (indices, signs), (high bits, scales), d
constexpr auto pieces = std::to_array<Piece>({{kIndices, 8, 0, 0, 12, 8, 8},
                                              {kSigns, 4, 0, 8, 12, 4, 8},
                                              {kHighs, 0, 1, 0, 0, 8, 1},
                                              {kScales, 0, 1, 8, 0, 4, 1},
                                              {0, 0, 2, 0, 0, 2, 1}});

// Lanes: nibbles, element i low, i + 16 high.
constexpr Plane lane_planes[] = {{32, 16, 1}, {32, 1, 1}, {256, 2, 2}};

// n of the signed level 2n - 15.
unsigned step(const CodebookFields& fields, unsigned i) {
    const unsigned code = codebook_block_iq3_s.code(fields, i);
    return CodebookBlock::negative(fields, i) ? 7 - code : 8 + code;
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    CodebookFields fields;
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += codebook_block_iq3_s.bytes) {
        read(blocks, fields);
        const float d = std::fabs(half_to_float(fields.d));
        for (unsigned k = 0; k < 256; k++)
            magnitudes[i + k] = d * static_cast<float>(1 + 2 * fields.scales[k / 32]) *
                                static_cast<float>(2 * step(fields, k) + 15);
    }
}

void split_lanes(const std::byte* block, std::byte* const* out) {
    CodebookFields fields;
    read(block, fields);
    for (unsigned g = 0; g < 8; g++) {
        codes::Group steps;
        for (unsigned w = 0; w < 4; w++) {
            const std::uint64_t negative = CodebookBlock::eight_negative(fields, g * 4 + w);
            // 8 + code, or 7 - code.
            codes::set_eight(
                steps, static_cast<int>(w),
                (codebook_block_iq3_s.eight_codes(fields, g * 4 + w) | codes::every8(8)) ^ negative * 15);
        }
        codes::pack_nibbles(steps, out[0] + g * 16);
    }
    split_scales<codebook_block_iq3_s>(fields, out[1]);
    store(out[2], fields.d);
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    CodebookFields fields;
    std::uint8_t codes[256];
    for (unsigned k = 0; k < 256; k++) {
        const auto both = std::to_integer<unsigned>(in[0][k / 32 * 16 + k % 16]);
        const unsigned n = k % 32 < 16 ? both & 15u : both >> 4;
        codes[k] = static_cast<std::uint8_t>(n < 8 ? 7 - n : n - 8);
        fields.signs[k / 8] |= static_cast<std::uint8_t>(unsigned{n < 8} << k % 8);
    }
    set_indices(codebook_iq3_s, codes, fields);
    join_scales<codebook_block_iq3_s>(in[1], fields);
    fields.d = load<std::uint16_t>(in[2]);
    write(fields, block);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_iq3_s;
const Format format_iq3_s{"iq3_s",
                          21,
                          256,
                          decode_codebook<codebook_block_iq3_s, value>,
                          magnitude,
                          {planes, split_pieces<pieces>, join_pieces<pieces>},
                          {lane_planes, split_lanes, join_lanes},
                          set_scales,
                          &codebook_iq3_s};

}  // namespace tuff
