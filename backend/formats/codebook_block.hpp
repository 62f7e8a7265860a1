// What the super-blocks of IQ1, IQ2 and IQ3 have in common: 256 weights as entries of a codebook, signs,
// small scales and one half. The formats differ in where the bits of these fields stand; each describes that
// once, by read and write.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/formats/codebooks.hpp"
#include "backend/formats/codes.hpp"

namespace tuff {

struct CodebookFields {
    std::uint16_t d = 0;        // bits of a binary16
    std::uint16_t index[64]{};  // of every entry: 32 of 8 weights (IQ1, IQ2) or 64 of 4 (IQ3)
    std::uint8_t signs[32]{};   // of 8 weights, one bit each; IQ1: 255 where their shift is negative, else 0
    std::uint8_t scales[16]{};  // of every 32 weights (8 used) or of every 16
};

struct CodebookBlock {
    const Codebook& book;
    std::uint32_t bytes;   // of a block
    std::uint32_t scales;  // of a block: 8 or 16

    // The fields of a block. Every bit of a block is part of a field, so write is the inverse of read.
    void (*read)(const std::byte* block, CodebookFields& fields);
    // Fields out of range (a scale or index too large, signs of odd parity where the parity is implied) give
    // another valid block.
    void (*write)(const CodebookFields& fields, std::byte* block);

    // The code of weight i (0..255).
    [[nodiscard]] unsigned code(const CodebookFields& fields, unsigned i) const {
        return book.code(fields.index[i / book.elements], i % book.elements);
    }
    // The codes of weights 8 w to 8 w + 7, a byte each, the first lowest.
    [[nodiscard]] std::uint64_t eight_codes(const CodebookFields& fields, unsigned w) const {
        if (book.elements == 8) return codes::spread_pairs(book.entries[fields.index[w]]);
        return codes::spread_nibbles(book.entries[fields.index[2 * w]] |
                                     std::uint32_t{book.entries[fields.index[2 * w + 1]]} << 16);
    }
    // Whether they are negative, 0 or 1.
    [[nodiscard]] static std::uint64_t eight_negative(const CodebookFields& fields, unsigned w) {
        return codes::spread_bits(fields.signs[w]);
    }
    // Whether weight i is negative (IQ1: its shift is).
    [[nodiscard]] static bool negative(const CodebookFields& fields, unsigned i) {
        return (fields.signs[i / 8] >> (i % 8)) & 1;
    }
};

extern const CodebookBlock codebook_block_iq1_s, codebook_block_iq1_m, codebook_block_iq2_xxs,
    codebook_block_iq2_xs, codebook_block_iq2_s, codebook_block_iq3_xxs, codebook_block_iq3_s;

}  // namespace tuff
