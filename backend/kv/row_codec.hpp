// Encodes and decodes rows of a KV cache on the host: what the append kernel must reproduce, and what
// attention reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/kv/cache_format.hpp"

namespace tuff {

// `values` (a head size that format.check() accepts) into `row` (format.row_bytes() bytes), plane after
// plane. The formats of GGUF follow its run-time rules for scales and codes; the own ones minimize the
// squared error: kv6..kv2 over `clips` of the row's range. Sums are taken over a tree of a fixed shape in
// float32, so that a device can repeat them bit by bit. Magnitudes beyond f16 saturate; a row with a NaN or
// an infinity decodes to unspecified values, and touches no other row.
void encode_row(const CacheFormat& format, std::span<const float> values, std::span<std::byte> row);

// `row` into values.size() values.
void decode_row(const CacheFormat& format, std::span<const std::byte> row, std::span<float> values);

// The fractions of a row's range that encode_row tries for an affine own format of so many bits: what lies
// outside is clipped.
[[nodiscard]] std::span<const float> affine_clips(std::uint32_t bits);

}  // namespace tuff
