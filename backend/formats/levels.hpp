// Formats whose four-bit codes index a table of levels: iq4_nl, iq4_xs, mxfp4, nvfp4.
//
// `planes` keeps the codes. The lanes layout stores a byte per weight that is (nearly) the level itself:
// software devices have no cheap table look-up, and reading twice the bytes is faster than any arithmetic
// that finds the level.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backend/formats/codes.hpp"

namespace tuff::levels {

using Table = std::array<std::int8_t, 16>;

inline constexpr Table kNl{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Twice the values of E2M1 (OCP Microscaling Formats 1.0): sign, two bits of exponent, one of mantissa. Code
// 8, minus zero, has the level 0 too.
inline constexpr Table kFp4{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// kFp4 with a lowest bit that tells code 8 from code 0: bytes of which a kernel takes the half.
inline constexpr Table kMarkedFp4 = [] {
    Table marked{};
    for (std::size_t c = 0; c < 16; c++) marked[c] = static_cast<std::int8_t>(kFp4[c] * 2 + (c == 8 ? 1 : 0));
    return marked;
}();

// Where a group's element k has its byte: in order, or in 16-bit words of elements j (low byte) and j + 16,
// out of which a kernel masks two marked levels more cheaply than out of bytes.
enum class Order { plain, paired };
template <Order O>
constexpr std::size_t place(std::size_t k) {
    return O == Order::plain ? k : k % 16 * 2 + k / 16;
}

// A byte per element: its entry in `table`, whose entries are distinct.
template <Order O>
void pack(const codes::Group& codes, const Table& table, std::byte* out) {
    for (std::size_t k = 0; k < 32; k++) out[place<O>(k)] = std::byte(table[codes[k]]);
}

// The codes again, given the inverse of the table.
using Inverse = std::array<std::uint8_t, 256>;
constexpr Inverse inverse(const Table& table) {
    Inverse codes{};
    for (std::size_t c = 0; c < 16; c++)
        codes[static_cast<std::uint8_t>(table[c])] = static_cast<std::uint8_t>(c);
    return codes;
}
template <Order O>
codes::Group unpack(const std::byte* in, const Inverse& inverse) {
    codes::Group codes;
    for (std::size_t k = 0; k < 32; k++) codes[k] = inverse[std::to_integer<std::uint8_t>(in[place<O>(k)])];
    return codes;
}

}  // namespace tuff::levels
