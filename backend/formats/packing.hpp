// Codes of a group of 32 as the `lanes` layout packs them, in an order that lets kernels take them apart with
// few instructions. Element k is j + 8 * l, with j and l below 8 and 4.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/half.hpp"

namespace tuff {

// Two bits a code, 8 bytes: element j + 8 * l at bit 2 * l of byte j, masked there by kernels without a
// shift.
template <class Code>
void pack_2_bits(const Code* codes, std::byte* out) {
    for (int j = 0; j < 8; j++)
        out[j] = std::byte(codes[j] | codes[j + 8] << 2 | codes[j + 16] << 4 | codes[j + 24] << 6);
}
template <class Code>
void unpack_2_bits(const std::byte* in, Code* codes) {
    for (int k = 0; k < 32; k++)
        codes[k] = static_cast<Code>((std::to_integer<unsigned>(in[k % 8]) >> (k / 8 * 2)) & 3u);
}

// Three bits a code, 3 words: codes of l < 3 at bit 3 * j of word l. Of l = 3, two go to bits 24 to 29 of
// each word; the last two have their low bits in the two upper bits of word 0 and 1, and their high bits in
// those of word 2.
inline void pack_3_bits(const std::uint8_t* codes, std::byte* out) {
    std::uint32_t words[3]{};
    for (int k = 0; k < 30; k++) {
        const int word = k < 24 ? k / 8 : (k - 24) / 2, bit = k < 24 ? k % 8 * 3 : 24 + k % 2 * 3;
        words[word] |= std::uint32_t{codes[k]} << bit;
    }
    for (int i = 0; i < 2; i++) {
        words[i] |= std::uint32_t{codes[30 + i]} << 30;  // the third bit falls off
        words[2] |= std::uint32_t{codes[30 + i]} >> 2 << (30 + i);
    }
    for (int i = 0; i < 3; i++) store(out + i * 4, words[i]);
}
inline void unpack_3_bits(const std::byte* in, std::uint8_t* codes) {
    std::uint32_t words[3];
    for (int i = 0; i < 3; i++) words[i] = load<std::uint32_t>(in + i * 4);
    for (int k = 0; k < 30; k++) {
        const int word = k < 24 ? k / 8 : (k - 24) / 2, bit = k < 24 ? k % 8 * 3 : 24 + k % 2 * 3;
        codes[k] = static_cast<std::uint8_t>((words[word] >> bit) & 7u);
    }
    for (int i = 0; i < 2; i++)
        codes[30 + i] = static_cast<std::uint8_t>(words[i] >> 30 | ((words[2] >> (30 + i)) & 1u) << 2);
}

}  // namespace tuff
