// Layouts: how the blocks of a weight matrix are arranged in device memory.
//
//   blocks  as in the file.
//   planes  what one kind of load wants, together: plane after plane over the whole matrix, in each plane row
//   after row, each row
//           of a plane rounded up to 16 bytes. For kernels of the `wide` kind.
//   lanes   tiles of 8 rows; in a tile plane after plane, each unit's granules interleaved over the 8 rows,
//   each plane of a
//           tile rounded up to 16 bytes. For kernels of the `lanes` kind.
//
// Rows are padded with zero elements to whole chunks (32 elements, or the block), the lanes layout with zero
// rows to whole tiles.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/format.hpp"

namespace tuff {

enum class Layout { blocks, planes, lanes };
[[nodiscard]] std::string_view layout_name(Layout layout);

inline constexpr std::uint32_t kLaneRows = 8;

// A stack of `batches` matrices of `rows` rows of `elements` elements.
struct MatrixShape {
    std::uint64_t rows = 0;      // M
    std::uint64_t elements = 0;  // K
    std::uint64_t batches = 1;
    friend bool operator==(const MatrixShape&, const MatrixShape&) = default;
};

// Bytes of one matrix of the stack in a layout; matrices follow each other without gaps. Error `usage`: a
// dimension of 0, rows or elements beyond 2^31, K not a multiple of the block, or more than 2^46 elements in
// all.
[[nodiscard]] Result<std::uint64_t> matrix_bytes(const Format& format, Layout layout,
                                                 const MatrixShape& shape);

// Rearranges rows [first_row, first_row + rows) of one matrix from GGUF blocks. `out` covers exactly the
// bytes of the matrix in that layout; only the bytes of these rows are written (padding rows and elements
// included), so disjoint row ranges may run in parallel; ranges of the lanes layout start at multiples of 8
// and end there or with the matrix.
// `blocks` holds those rows, dense; they are spread over `threads` threads.
void arrange_rows(const Format& format, Layout layout, const MatrixShape& shape, std::uint64_t first_row,
                  std::uint64_t rows, const std::byte* blocks, std::span<std::byte> out, unsigned threads);

// A run of bytes, and where it goes.
struct RowsPiece {
    std::uint64_t from = 0, to = 0, bytes = 0;
    friend bool operator==(const RowsPiece&, const RowsPiece&) = default;
};

// Where rows [first_row, first_row + rows) that were arranged as a matrix of their own go within the whole
// one: a piece a plane in the layout `planes`, one in the others. Ranges of the lanes layout start at
// multiples of 8 and end at one or at the last row. `matrix`: one, not a stack.
[[nodiscard]] std::vector<RowsPiece> rows_pieces(const Format& format, Layout layout,
                                                 const MatrixShape& matrix, std::uint64_t first_row,
                                                 std::uint64_t rows);

// arrange_rows for a whole stack.
void arrange(const Format& format, Layout layout, const MatrixShape& shape, const std::byte* blocks,
             std::span<std::byte> out, unsigned threads);

// The inverse of arrange for a whole stack: GGUF blocks again, bit for bit.
void restore(const Format& format, Layout layout, const MatrixShape& shape,
             std::span<const std::byte> arranged, std::byte* blocks);

}  // namespace tuff
