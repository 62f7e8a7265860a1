// Kernels that work on heads: rows of K and V into a cache, and Q and attention's results turned to match.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>

#include "backend/kv/cache_format.hpp"
#include "backend/kv/rope.hpp"
#include "backend/kv/rotation.hpp"
#include "backend/operand.hpp"
#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff {

// In a list of cells: this token is not kept.
inline constexpr std::uint32_t kNoCell = ~std::uint32_t{0};

// Heads of tokens in memory. Strides count bytes; 0: [token][head][value], dense. Rows of f16 start at
// multiples of 4 bytes.
struct HeadRows {
    Operand at;
    bool half = false;  // f16, otherwise f32
    std::uint32_t tokens = 0, heads = 0, head_dim = 0;
    std::uint64_t token_bytes = 0, head_bytes = 0;

    // The same with strides filled in.
    [[nodiscard]] HeadRows dense() const;
    // From the first to past the last byte used.
    [[nodiscard]] std::uint64_t bytes() const;
};

// Dense results of attention, for record_rotate_heads to undo V's rotation, which was that of heads of
// `rotated_dim` values. Where results have fewer (V is a view of K), they become heads of one Hadamard block
// each.
[[nodiscard]] HeadRows hadamard_blocks(const HeadRows& rows, std::uint32_t rotated_dim);

// Rotary positions, where `rope` is not nullptr: an int32 for each token, and rope->turns.
struct RopeOperands {
    const Rope* rope = nullptr;
    Operand positions, turns;
};

// One side of one layer of a cache.
struct CacheTarget {
    const CacheFormat* format = nullptr;
    const CacheLayout* layout = nullptr;  // of format->row(head_dim)
    Operand at;                           // layout->bytes() bytes
};

// Appends to `stream`: row t of every KV head, turned by its position, rotated and quantized, goes to cell
// cells[t] (uint32 in device memory; kNoCell: nowhere). No two tokens may have the same cell. What encode_row
// makes of the row, bit for bit where the device divides and takes square roots as IEEE 754 asks; elsewhere a
// scale may be off by one unit in the last place of f16, and codes by one. `usage`: shapes or formats that do
// not fit together, or a buffer too small.
Result<void> record_kv_append(host::Stream& stream, host::Device& device, const HeadRows& rows,
                              const RopeOperands& rope, Rotation rotation, const CacheTarget& target,
                              Operand cells);

// Appends to `stream`: y = the rows turned and rotated, or with `undo` what unrotate() makes of them; f32,
// possibly in place. `usage` as above.
Result<void> record_rotate_heads(host::Stream& stream, host::Device& device, CacheKind kind,
                                 const HeadRows& rows, const RopeOperands& rope, Rotation rotation, bool undo,
                                 const HeadRows& y);

}  // namespace tuff
