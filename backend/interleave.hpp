// Interleaving rows: the first granule of each row, then the second of each, and so on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tuff {

inline constexpr std::size_t kInterleavedRows = 8;

// Eight rows of `bytes` bytes, a multiple of `granule` (1, 2 or 4), into 8 * bytes bytes at `out`.
void interleave(std::size_t granule, const std::array<const std::byte*, kInterleavedRows>& rows,
                std::uint64_t bytes, std::byte* out);

}  // namespace tuff
