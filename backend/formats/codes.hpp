// How the codes of a group of 32 elements lie in bytes, in files and on devices. Each pack() has its exact
// inverse.
//
// Element k of a group is called (j, l) in the comments: a kernel walks j in steps and finds the codes of all
// l in the bytes of step j, by one mask each where that is possible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backend/format.hpp"

namespace tuff::codes {

using Group = std::array<std::uint8_t, kGroupElements>;

inline unsigned byte_at(const std::byte* bytes, int i) {
    return std::to_integer<unsigned>(bytes[i]);
}

// 4 bits, 16 bytes: byte k holds elements k (low nibble) and k + 16.
inline void pack_nibbles(const Group& codes, std::byte* out) {
    for (int k = 0; k < 16; k++) out[k] = std::byte((codes[k] & 15) | (codes[k + 16] & 15) << 4);
}
inline Group unpack_nibbles(const std::byte* in) {
    Group codes;
    for (int k = 0; k < 16; k++) {
        codes[k] = static_cast<std::uint8_t>(byte_at(in, k) & 15);
        codes[k + 16] = static_cast<std::uint8_t>(byte_at(in, k) >> 4);
    }
    return codes;
}

// 2 bits, 8 bytes: byte j holds, from bit 0 up, elements j, j + 8, j + 16, j + 24.
inline void pack_pairs(const Group& codes, std::byte* out) {
    for (int j = 0; j < 8; j++) {
        unsigned byte = 0;
        for (int l = 0; l < 4; l++) byte |= (codes[j + 8 * l] & 3u) << (2 * l);
        out[j] = std::byte(byte);
    }
}
inline Group unpack_pairs(const std::byte* in) {
    Group codes;
    for (int k = 0; k < 32; k++) codes[k] = (byte_at(in, k % 8) >> (k / 8 * 2)) & 3u;
    return codes;
}

// 2 bits in 64 bytes, as q2_k and q3_k keep those of 256 elements: group 4h + s is field s of bytes
// 32h..32h+31.
inline Group load_pairs(const std::byte* bytes, int group) {
    Group codes;
    for (int k = 0; k < 32; k++) codes[k] = (byte_at(bytes, group / 4 * 32 + k) >> (group % 4 * 2)) & 3u;
    return codes;
}
// The bytes must be zero where this group has not been stored yet.
inline void store_pairs(const Group& codes, int group, std::byte* bytes) {
    for (int k = 0; k < 32; k++) bytes[group / 4 * 32 + k] |= std::byte((codes[k] & 3u) << (group % 4 * 2));
}

// One bit of 256 elements in 32 bytes, as q3_k and q5_k keep theirs: group g is bit g of every byte. Here it
// is bit `place` of the codes.
inline void load_bits(const std::byte* bytes, int group, int place, Group& codes) {
    for (int k = 0; k < 32; k++)
        codes[k] |= static_cast<std::uint8_t>(((byte_at(bytes, k) >> group) & 1u) << place);
}
// The bytes must be zero where this group has not been stored yet.
inline void store_bits(const Group& codes, int group, int place, std::byte* bytes) {
    for (int k = 0; k < 32; k++) bytes[k] |= std::byte(((codes[k] >> place) & 1u) << group);
}

// One bit of every code, bit `from`, in 4 bytes: byte j holds, from bit 0 up, elements j, j + 4, ..., j + 28.
// A word of these, shifted by s, has the bits of elements 4s..4s+3 in bit 0 and of 16+4s..16+4s+3 in bit 4 of
// its bytes.
inline void pack_bits(const Group& codes, int from, std::byte* out) {
    for (int j = 0; j < 4; j++) {
        unsigned byte = 0;
        for (int l = 0; l < 8; l++) byte |= ((codes[j + 4 * l] >> from) & 1u) << l;
        out[j] = std::byte(byte);
    }
}
// Puts them back into codes that lack them.
inline void unpack_bits(const std::byte* in, int to, Group& codes) {
    for (int k = 0; k < 32; k++)
        codes[k] |= static_cast<std::uint8_t>(((byte_at(in, k % 4) >> (k / 4)) & 1u) << to);
}

// 5 bits, 20 bytes, for the lanes layout: element (j, l) is 4l + j, step j has bytes j, 4 + j, ..., 16 + j.
// The first three hold codes 0 to 2 below and the upper three bits of codes 5 to 7 above; the last two hold
// codes 3 and 4 above and what is missing of the others below.
inline void pack_fives(const Group& codes, std::byte* out) {
    for (int j = 0; j < 4; j++) {
        const auto c = [&](int l) { return unsigned{codes[4 * l + j]}; };
        for (int i = 0; i < 3; i++) out[4 * i + j] = std::byte(c(i) | c(5 + i) >> 2 << 5);
        out[12 + j] = std::byte(c(3) << 3 | (c(5) & 3) | (c(7) & 2) << 1);
        out[16 + j] = std::byte(c(4) << 3 | (c(6) & 3) | (c(7) & 1) << 2);
    }
}
inline Group unpack_fives(const std::byte* in) {
    Group codes;
    for (int j = 0; j < 4; j++) {
        const auto set = [&](int l, unsigned code) { codes[4 * l + j] = static_cast<std::uint8_t>(code); };
        const unsigned d = byte_at(in, 12 + j), e = byte_at(in, 16 + j);
        const unsigned rest[] = {d & 3, e & 3, (d & 4) >> 1 | (e & 4) >> 2};
        for (int i = 0; i < 3; i++) {
            set(i, byte_at(in, 4 * i + j) & 31);
            set(5 + i, byte_at(in, 4 * i + j) >> 5 << 2 | rest[i]);
        }
        set(3, d >> 3);
        set(4, e >> 3);
    }
    return codes;
}

// 3 bits, 12 bytes, for the lanes layout: element (j, l) is 2l + j % 2 in the half j / 2 of the group, so
// that a step has one scale of q3_k; step j has bytes j, 4 + j, 8 + j. The first holds codes 0 and 1 and the
// upper two bits of code 3, the second the same of codes 4, 5 and 7, the third codes 2 and 6 and the lowest
// bits of codes 3 and 7.
constexpr int three_bit_element(int j, int l) {
    return j / 2 * 16 + 2 * l + j % 2;
}
inline void pack_threes(const Group& codes, std::byte* out) {
    for (int j = 0; j < 4; j++) {
        const auto c = [&](int l) { return unsigned{codes[three_bit_element(j, l)]}; };
        for (int i = 0; i < 2; i++)
            out[4 * i + j] = std::byte(c(4 * i) | c(4 * i + 1) << 3 | c(4 * i + 3) >> 1 << 6);
        out[8 + j] = std::byte(c(2) | c(6) << 3 | (c(3) & 1) << 6 | (c(7) & 1) << 7);
    }
}
inline Group unpack_threes(const std::byte* in) {
    Group codes;
    for (int j = 0; j < 4; j++) {
        const auto set = [&](int l, unsigned code) {
            codes[three_bit_element(j, l)] = static_cast<std::uint8_t>(code);
        };
        const unsigned last = byte_at(in, 8 + j);
        for (int i = 0; i < 2; i++) {
            const unsigned byte = byte_at(in, 4 * i + j);
            set(4 * i, byte & 7);
            set(4 * i + 1, (byte >> 3) & 7);
            set(4 * i + 2, (last >> (3 * i)) & 7);
            set(4 * i + 3, byte >> 6 << 1 | ((last >> (6 + i)) & 1));
        }
    }
    return codes;
}

}  // namespace tuff::codes
