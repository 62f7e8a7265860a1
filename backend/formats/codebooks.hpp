// The codebooks of the IQ formats: 8 (IQ1, IQ2) or 4 (IQ3) neighbouring weights are one entry of a grid,
// stored by its index.
//
// An entry is kept as level numbers, not as levels: 16 bits instead of 64 or 32. Kernels read the same table
// (codebook_address.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tuff {

struct Codebook {
    std::string_view name;
    std::span<const std::uint16_t> entries;  // ascending; element e of one at bit e * code_bits
    std::uint32_t elements;                  // of an entry: 8 or 4
    std::uint32_t code_bits;                 // of an element: 2 or 4
    std::span<const std::int8_t> levels;     // by code, ascending

    [[nodiscard]] constexpr unsigned code(unsigned index, unsigned element) const {
        return (entries[index] >> (element * code_bits)) & ((1u << code_bits) - 1);
    }
    [[nodiscard]] constexpr int level(unsigned index, unsigned element) const {
        return levels[code(index, element)];
    }
    // The index of an entry; nothing where no entry is this one.
    [[nodiscard]] std::optional<unsigned> find(std::uint16_t entry) const;
};

// Levels -1, 0, 1, of IQ1_S and IQ1_M; 8, 25, 43 of IQ2; 4, 12, ... 52, 62 of IQ3_XXS; 1, 3, ... 15 of IQ3_S.
extern const Codebook codebook_iq1, codebook_iq2_xxs, codebook_iq2_xs, codebook_iq2_s, codebook_iq3_xxs,
    codebook_iq3_s;

// IQ2_XXS, IQ2_XS and IQ3_XXS store seven signs of eight: the number of minus signs is even. Bit e of the
// result: element e is negative.
[[nodiscard]] constexpr unsigned signs_of_seven(unsigned seven) {
    unsigned parity = seven ^ seven >> 4;
    parity ^= parity >> 2;
    return seven | ((parity ^ parity >> 1) & 1u) << 7;
}

}  // namespace tuff
