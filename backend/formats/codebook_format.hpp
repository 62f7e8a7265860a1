// Decoding of the codebook formats and their `lanes` layout, for any of their blocks (codebook_block.hpp).
//
// Lanes kernels cannot afford a table look-up by an index: each weight gets its own code of 3 or 4 bits, sign
// included. A codebook has no entry twice, so the codes of an entry give its index back.
#pragma once

#include <cstring>

#include "backend/format.hpp"
#include "backend/formats/codebook_block.hpp"
#include "backend/formats/codes.hpp"
#include "backend/half.hpp"

namespace tuff {

// Calls value(d, scale code, level, negative) for every weight of whole blocks.
template <const CodebookBlock& Block, auto Value>
void decode_codebook(const std::byte* blocks, std::uint64_t elements, float* values) {
    CodebookFields fields;
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += Block.bytes) {
        Block.read(blocks, fields);
        const float d = half_to_float(fields.d);
        for (unsigned k = 0; k < 256; k++)
            values[i + k] =
                Value(d, fields.scales[k * Block.scales / 256],
                      Block.book.level(fields.index[k / Block.book.elements], k % Block.book.elements),
                      CodebookBlock::negative(fields, k));
    }
}

// Level times the scale d * (0.5 + c) * Unit, signed: IQ2 and IQ3_XXS.
template <float Unit>
float value_of_half_steps(float d, unsigned scale, int level, bool negative) {
    const float magnitude = d * (0.5f + static_cast<float>(scale)) * Unit * static_cast<float>(level);
    return negative ? -magnitude : magnitude;
}

// Level shifted by 1/8 either way, times d * (2c + 1): IQ1.
inline float value_of_shifted(float d, unsigned scale, int level, bool negative) {
    return d * static_cast<float>(2 * scale + 1) *
           (static_cast<float>(level) + (negative ? -0.125f : 0.125f));
}

// Sets the indices from the level codes of all 256 weights.
inline void set_indices(const Codebook& book, const std::uint8_t* codes, CodebookFields& fields) {
    for (unsigned i = 0; i < 256; i += book.elements) {
        unsigned entry = 0;
        for (unsigned e = 0; e < book.elements; e++) entry |= unsigned{codes[i + e]} << (e * book.code_bits);
        fields.index[i / book.elements] =
            static_cast<std::uint16_t>(book.find(static_cast<std::uint16_t>(entry)).value_or(0));
    }
}

// One byte per 32 weights: their scale, or the two of their halves as low and high nibble.
template <const CodebookBlock& Block>
void split_scales(const CodebookFields& fields, std::byte* out) {
    for (unsigned g = 0; g < 8; g++)
        out[g] = Block.scales == 8 ? std::byte(fields.scales[g])
                                   : std::byte(fields.scales[2 * g] | fields.scales[2 * g + 1] << 4);
}
template <const CodebookBlock& Block>
void join_scales(const std::byte* in, CodebookFields& fields) {
    for (unsigned g = 0; g < 8; g++) {
        const auto both = std::to_integer<std::uint8_t>(in[g]);
        if (Block.scales == 8) {
            fields.scales[g] = both;
        } else {
            fields.scales[2 * g] = both & 15;
            fields.scales[2 * g + 1] = both >> 4;
        }
    }
}

// Three bits a code, 12 bytes as 3 words: with element k as j + 8 * l, codes of l < 3 at bit 3 * j of word l.
// Of l = 3, two go to bits 24 to 29 of each word; the last two have their low bits in the two upper bits of
// word 0 and 1, and their high bits in those of word 2.
inline void pack_words(const codes::Group& codes, std::byte* out) {
    std::uint32_t words[3];
    const std::uint32_t last = codes::gather_threes(codes::eight(codes, 3));
    for (int i = 0; i < 3; i++)
        words[i] = codes::gather_threes(codes::eight(codes, i)) | ((last >> (6 * i)) & 63u) << 24;
    for (int i = 0; i < 2; i++) {
        const std::uint32_t code = last >> (18 + 3 * i);
        words[i] |= code << 30;  // the third bit falls off
        words[2] |= ((code >> 2) & 1u) << (30 + i);
    }
    for (int i = 0; i < 3; i++) store(out + i * 4, words[i]);
}
inline codes::Group unpack_words(const std::byte* in) {
    codes::Group codes;
    std::uint32_t words[3];
    for (int i = 0; i < 3; i++) words[i] = load<std::uint32_t>(in + i * 4);
    for (int k = 0; k < 30; k++) {
        const int word = k < 24 ? k / 8 : (k - 24) / 2, bit = k < 24 ? k % 8 * 3 : 24 + k % 2 * 3;
        codes[k] = static_cast<std::uint8_t>((words[word] >> bit) & 7u);
    }
    for (int i = 0; i < 2; i++)
        codes[30 + i] = static_cast<std::uint8_t>(words[i] >> 30 | ((words[2] >> (30 + i)) & 1u) << 2);
    return codes;
}

// Lanes planes of the formats with levels of two bits and a sign: 3 bits a weight (the sign on top), a byte
// of scales per 32, d.
inline constexpr Plane signed_2_bit_planes[] = {{32, 12, 4}, {32, 1, 1}, {256, 2, 2}};

template <const CodebookBlock& Block>
void split_signed_2_bits(const std::byte* block, std::byte* const* out) {
    CodebookFields fields;
    Block.read(block, fields);
    for (unsigned g = 0; g < 8; g++) {
        codes::Group codes;
        for (unsigned w = 0; w < 4; w++)
            codes::set_eight(
                codes, static_cast<int>(w),
                Block.eight_codes(fields, g * 4 + w) | CodebookBlock::eight_negative(fields, g * 4 + w) << 2);
        pack_words(codes, out[0] + g * 12);
    }
    split_scales<Block>(fields, out[1]);
    store(out[2], fields.d);
}

template <const CodebookBlock& Block>
void join_signed_2_bits(const std::byte* const* in, std::byte* block) {
    CodebookFields fields;
    std::uint8_t codes[256];
    for (unsigned g = 0; g < 8; g++) {
        const codes::Group group = unpack_words(in[0] + g * 12);
        for (unsigned k = 0; k < 32; k++) {
            codes[g * 32 + k] = group[k] & 3;
            fields.signs[g * 4 + k / 8] |= static_cast<std::uint8_t>(group[k] >> 2 << k % 8);
        }
    }
    set_indices(Block.book, codes, fields);
    join_scales<Block>(in[1], fields);
    fields.d = load<std::uint16_t>(in[2]);
    Block.write(fields, block);
}

template <const CodebookBlock& Block>
inline constexpr PlaneSet signed_2_bit_lanes{signed_2_bit_planes, split_signed_2_bits<Block>,
                                             join_signed_2_bits<Block>};

}  // namespace tuff
