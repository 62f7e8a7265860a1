// Byte counts: as text for messages, and arithmetic that cannot wrap.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tuff::host {

// "512 B", "16.0 MiB", "23.4 GiB".
std::string bytes_text(std::uint64_t bytes);

// Of "8GiB", "1.5 MiB", "24GB", "4096": powers of 1024 with an i, of 1000 without, in either case; without a
// unit bytes. Fractions are rounded down. `usage`: anything else, or beyond 64 bits.
Result<std::uint64_t> parse_bytes(std::string_view text);

// a - b, or 0 where b is larger: a driver may report more memory used than it grants.
constexpr std::uint64_t minus_saturating(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}

// a + b, or the largest number.
constexpr std::uint64_t plus_saturating(std::uint64_t a, std::uint64_t b) {
    return a > ~b ? ~std::uint64_t{0} : a + b;
}

// a * b, or the largest number.
constexpr std::uint64_t times_saturating(std::uint64_t a, std::uint64_t b) {
    std::uint64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? ~std::uint64_t{0} : product;
}

// Whether [offset, offset + bytes) lies within [0, size), for any numbers.
constexpr bool within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
    return offset <= size && bytes <= size - offset;
}

}  // namespace tuff::host
