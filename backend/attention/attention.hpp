// Attention on a device: recording a plan into a stream.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>

#include "backend/attention/attention_plan.hpp"
#include "backend/operand.hpp"
#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff {

// Queries: f32, rows of k_head dense values, strides in floats; 0 strides: [sequence][token][head] dense.
struct AttentionQueries {
    Operand at;
    std::uint64_t token_stride = 0, head_stride = 0, sequence_stride = 0;
};

// One segment of the cache, in the order of the plan's.
struct AttentionCells {
    Operand k, v;                // v unused where V is a view of K
    std::uint64_t capacity = 0;  // cells per KV head: CacheLayout::capacity()
    StridedRows k_rows, v_rows;  // place blocks; sequence strides are expressed by the spans' first_cell
    Operand spans;               // CacheSpan for each sequence, at a multiple of 16 bytes
};

// Strides in bytes; 0 where one mask serves all of a dimension. Rows of cells of each segment's span,
// segments one after the other: `segment_bytes[i]` is where segment i begins in a row. All are multiples of a
// value's size. A row has a value for each of AttentionSegment::cells.
struct AttentionMaskOperand {
    Operand at;
    std::uint64_t token_stride = 0, head_stride = 0, sequence_stride = 0;
    std::span<const std::uint64_t> segment_bytes = {};  // empty: all 0
};

struct AttentionOperands {
    AttentionQueries q;
    std::span<const AttentionCells> segments;
    AttentionMaskOperand mask;  // with variant.mask
    Operand slopes, sinks;      // with variant.alibi, variant.sinks: f32 for each head
    Operand y;                  // f32 [sequence][token][head][v_head], dense
    Operand scratch;            // plan.scratch_bytes, at a multiple of kScratchAlignment
};

// Appends the kernels of `plan` to `stream`; y and scratch are written. Cells that a tile of 8 holds beside
// filled ones must hold finite numbers (a cache is cleared when it is made). `usage`: a buffer that is too
// small or misaligned, or strides beyond 4 GiB.
Result<void> record_attention(host::Stream& stream, host::Device& device, const AttentionPlan& plan,
                              const AttentionOperands& operands);

}  // namespace tuff
