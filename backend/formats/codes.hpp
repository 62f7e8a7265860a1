// How the codes of a group of 32 elements lie in bytes, in files and on devices. Each pack() has its exact
// inverse.
//
// Element k of a group is called (j, l) in the comments: a kernel walks j in steps and finds the codes of all
// l in the bytes of step j, by one mask each where that is possible.
//
// Everything here works on words of 4 or 8 codes at once, each in a byte: shifts are masked so that no bit
// crosses into a neighbour. A model is as fast to load as these functions are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backend/format.hpp"
#include "backend/half.hpp"

namespace tuff::codes {

using Group = std::array<std::uint8_t, kGroupElements>;

inline unsigned byte_at(const std::byte* bytes, int i) {
    return std::to_integer<unsigned>(bytes[i]);
}

// A word of equal bytes.
template <class Word>
constexpr Word every(unsigned byte) {
    return static_cast<Word>(~Word{0} / 255 * byte);
}
constexpr std::uint64_t every8(unsigned byte) {
    return every<std::uint64_t>(byte);
}
constexpr std::uint32_t every4(unsigned byte) {
    return every<std::uint32_t>(byte);
}

// Elements 8 w to 8 w + 7 of a group, or 4 w to 4 w + 3, the first in the lowest byte.
inline std::uint64_t eight(const Group& group, int w) {
    return load<std::uint64_t>(group.data() + w * 8);
}
inline void set_eight(Group& group, int w, std::uint64_t codes) {
    store(group.data() + w * 8, codes);
}
inline std::uint32_t four(const Group& group, int w) {
    return load<std::uint32_t>(group.data() + w * 4);
}
inline void set_four(Group& group, int w, std::uint32_t codes) {
    store(group.data() + w * 4, codes);
}

// Bit k of a byte as byte k of a word, 0 or 1, and back.
inline std::uint64_t spread_bits(std::uint8_t bits) {
    const std::uint64_t one_each = every8(bits) & 0x8040201008040201;
    return ((one_each + every8(0x7f)) >> 7) & every8(1);
}
inline std::uint8_t gather_bits(std::uint64_t bytes) {
    return static_cast<std::uint8_t>(((bytes & every8(1)) * 0x0102040810204080) >> 56);
}

// The lowest bits of a number, in order, as fields of so many bits in the bytes of a word, and back.
inline std::uint64_t spread_pairs(std::uint16_t pairs) {
    std::uint64_t x = pairs;
    x = (x | x << 24) & 0x000000ff000000ff;
    x = (x | x << 12) & 0x000f000f000f000f;
    return (x | x << 6) & every8(3);
}
inline std::uint64_t spread_nibbles(std::uint32_t nibbles) {
    std::uint64_t x = nibbles;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    return (x | x << 4) & every8(15);
}
inline std::uint32_t gather_nibbles(std::uint64_t bytes) {
    std::uint64_t x = bytes & every8(15);
    x = (x | x >> 4) & 0x00ff00ff00ff00ff;
    x = (x | x >> 8) & 0x0000ffff0000ffff;
    return static_cast<std::uint32_t>(x | x >> 16);
}
inline std::uint32_t gather_threes(std::uint64_t bytes) {
    std::uint64_t x = bytes & every8(7);
    x = (x | x >> 5) & 0x003f003f003f003f;
    x = (x | x >> 10) & 0x00000fff00000fff;
    return static_cast<std::uint32_t>((x | x >> 20) & 0xffffff);
}

// 4 bits, 16 bytes: byte k holds elements k (low nibble) and k + 16.
inline void pack_nibbles(const Group& codes, std::byte* out) {
    for (int w = 0; w < 2; w++)
        store(out + w * 8, (eight(codes, w) & every8(15)) | (eight(codes, w + 2) & every8(15)) << 4);
}
inline Group unpack_nibbles(const std::byte* in) {
    Group codes;
    for (int w = 0; w < 2; w++) {
        const auto both = load<std::uint64_t>(in + w * 8);
        set_eight(codes, w, both & every8(15));
        set_eight(codes, w + 2, (both >> 4) & every8(15));
    }
    return codes;
}

// 2 bits, 8 bytes: byte j holds, from bit 0 up, elements j, j + 8, j + 16, j + 24.
inline void pack_pairs(const Group& codes, std::byte* out) {
    std::uint64_t packed = 0;
    for (int w = 0; w < 4; w++) packed |= (eight(codes, w) & every8(3)) << (2 * w);
    store(out, packed);
}
inline Group unpack_pairs(const std::byte* in) {
    Group codes;
    const auto packed = load<std::uint64_t>(in);
    for (int w = 0; w < 4; w++) set_eight(codes, w, (packed >> (2 * w)) & every8(3));
    return codes;
}

// A field of every byte of 32, `bits` wide from bit `shift` on, as q2_k to q6_k keep what belongs to a group.
inline Group load_fields(const std::byte* bytes, int shift, unsigned mask) {
    Group codes;
    for (int w = 0; w < 4; w++)
        set_eight(codes, w, (load<std::uint64_t>(bytes + w * 8) >> shift) & every8(mask));
    return codes;
}
// The fields must be zero before.
inline void store_fields(const Group& codes, int shift, unsigned mask, std::byte* bytes) {
    for (int w = 0; w < 4; w++)
        store(bytes + w * 8, load<std::uint64_t>(bytes + w * 8) | (eight(codes, w) & every8(mask)) << shift);
}

// 2 bits in 64 bytes, as q2_k and q3_k keep those of 256 elements: group 4h + s is field s of bytes
// 32h..32h+31.
inline Group load_pairs(const std::byte* bytes, int group) {
    return load_fields(bytes + group / 4 * 32, group % 4 * 2, 3);
}
// The bytes must be zero where this group has not been stored yet.
inline void store_pairs(const Group& codes, int group, std::byte* bytes) {
    store_fields(codes, group % 4 * 2, 3, bytes + group / 4 * 32);
}

// One bit of 256 elements in 32 bytes, as q3_k and q5_k keep theirs: group g is bit g of every byte. Here it
// is bit `place` of the codes.
inline void load_bits(const std::byte* bytes, int group, int place, Group& codes) {
    const Group bits = load_fields(bytes, group, 1);
    for (int w = 0; w < 4; w++) set_eight(codes, w, eight(codes, w) | eight(bits, w) << place);
}
// The bytes must be zero where this group has not been stored yet.
inline void store_bits(const Group& codes, int group, int place, std::byte* bytes) {
    Group bits;
    for (int w = 0; w < 4; w++) set_eight(bits, w, (eight(codes, w) >> place) & every8(1));
    store_fields(bits, group, 1, bytes);
}

// One bit of every code, bit `from`, in 4 bytes: byte j holds, from bit 0 up, elements j, j + 4, ..., j + 28.
// A word of these, shifted by s, has the bits of elements 4s..4s+3 in bit 0 and of 16+4s..16+4s+3 in bit 4 of
// its bytes.
inline void pack_bits(const Group& codes, int from, std::byte* out) {
    std::uint32_t packed = 0;
    for (int l = 0; l < 8; l++) packed |= ((four(codes, l) >> from) & every4(1)) << l;
    store(out, packed);
}
// Puts them back into codes that lack them.
inline void unpack_bits(const std::byte* in, int to, Group& codes) {
    const auto packed = load<std::uint32_t>(in);
    for (int l = 0; l < 8; l++) set_four(codes, l, four(codes, l) | ((packed >> l) & every4(1)) << to);
}

// 5 bits, 20 bytes, for the lanes layout: element (j, l) is 4l + j, step j has bytes j, 4 + j, ..., 16 + j.
// The first three hold codes 0 to 2 below and the upper three bits of codes 5 to 7 above; the last two hold
// codes 3 and 4 above and what is missing of the others below.
inline void pack_fives(const Group& codes, std::byte* out) {
    const auto c = [&](int l) { return four(codes, l); };  // of all steps
    for (int i = 0; i < 3; i++) store(out + 4 * i, c(i) | ((c(5 + i) >> 2) & every4(7)) << 5);
    store(out + 12, c(3) << 3 | (c(5) & every4(3)) | (c(7) & every4(2)) << 1);
    store(out + 16, c(4) << 3 | (c(6) & every4(3)) | (c(7) & every4(1)) << 2);
}
inline Group unpack_fives(const std::byte* in) {
    Group codes;
    const auto word = [&](int i) { return load<std::uint32_t>(in + 4 * i); };
    const std::uint32_t d = word(3), e = word(4);
    const std::uint32_t rest[] = {d & every4(3), e & every4(3), (d & every4(4)) >> 1 | (e & every4(4)) >> 2};
    for (int i = 0; i < 3; i++) {
        set_four(codes, i, word(i) & every4(31));
        set_four(codes, 5 + i, ((word(i) >> 5) & every4(7)) << 2 | rest[i]);
    }
    set_four(codes, 3, (d >> 3) & every4(31));
    set_four(codes, 4, (e >> 3) & every4(31));
    return codes;
}

// 3 bits, 12 bytes, for the lanes layout: element (j, l) is 2l + j % 2 in the half j / 2 of the group, so
// that a step has one scale of q3_k; step j has bytes j, 4 + j, 8 + j. The first holds codes 0 and 1 and the
// upper two bits of code 3, the second the same of codes 4, 5 and 7, the third codes 2 and 6 and the lowest
// bits of codes 3 and 7.
inline void pack_threes(const Group& codes, std::byte* out) {
    const auto c = [&](int l) {  // of all steps
        return load<std::uint16_t>(codes.data() + 2 * l) |
               std::uint32_t{load<std::uint16_t>(codes.data() + 16 + 2 * l)} << 16;
    };
    for (int i = 0; i < 2; i++)
        store(out + 4 * i, c(4 * i) | c(4 * i + 1) << 3 | ((c(4 * i + 3) >> 1) & every4(3)) << 6);
    store(out + 8, c(2) | c(6) << 3 | (c(3) & every4(1)) << 6 | (c(7) & every4(1)) << 7);
}
inline Group unpack_threes(const std::byte* in) {
    Group codes;
    const auto set = [&](int l, std::uint32_t of_all_steps) {
        store(codes.data() + 2 * l, static_cast<std::uint16_t>(of_all_steps));
        store(codes.data() + 16 + 2 * l, static_cast<std::uint16_t>(of_all_steps >> 16));
    };
    const auto last = load<std::uint32_t>(in + 8);
    for (int i = 0; i < 2; i++) {
        const auto word = load<std::uint32_t>(in + 4 * i);
        set(4 * i, word & every4(7));
        set(4 * i + 1, (word >> 3) & every4(7));
        set(4 * i + 2, (last >> (3 * i)) & every4(7));
        set(4 * i + 3, ((word >> 6) & every4(3)) << 1 | ((last >> (6 + i)) & every4(1)));
    }
    return codes;
}

}  // namespace tuff::codes
