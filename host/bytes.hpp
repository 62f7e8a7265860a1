// Byte counts: as text for messages, and arithmetic that cannot wrap.
#pragma once

#include <cstdint>
#include <string>

namespace tuff::host {

// "512 B", "16.0 MiB", "23.4 GiB".
std::string bytes_text(std::uint64_t bytes);

// a - b, or 0 where b is larger: a driver may report more memory used than it grants.
constexpr std::uint64_t minus_saturating(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}

// a + b, or the largest number.
constexpr std::uint64_t plus_saturating(std::uint64_t a, std::uint64_t b) {
    return a > ~b ? ~std::uint64_t{0} : a + b;
}

// Whether [offset, offset + bytes) lies within [0, size), for any numbers.
constexpr bool within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
    return offset <= size && bytes <= size - offset;
}

}  // namespace tuff::host
