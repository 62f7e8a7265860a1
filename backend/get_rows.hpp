// Rows of weights as numbers: the look-up of embeddings, and whole matrices.
//
//   y[i] = w[ids[i]]      without ids: y[i] = w[i]
//
// Decoding is exact: each element is what Format::decode gives, rounded once where y is f16 or bf16. Only
// where a scale is infinite, the layout `lanes` may give NaN for an infinity, as it adds offsets that are
// infinite then.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>

#include "backend/operand.hpp"
#include "backend/weights.hpp"

namespace tuff {

struct GetRowsShape {
    std::uint64_t rows = 0;        // of w
    std::uint64_t elements = 0;    // of a row
    std::uint64_t ids = 0;         // rows to look up; 0: all rows in order, without ids
    std::uint64_t ids_stride = 1;  // between ids that are used, counted in ids
    std::uint64_t y_stride = 0;    // bytes between rows of y; 0: dense

    [[nodiscard]] std::uint64_t count() const { return ids > 0 ? ids : rows; }  // rows of y
};

struct GetRowsPlan {
    std::string kernel;               // "get_rows_wide.q4_k"
    Layout layout{};                  // of w
    GetRowsShape shape;               // every stride filled in
    std::uint32_t target = 0;         // type id of y
    std::uint32_t element_bytes = 0;  // of y
    std::uint64_t rows_per_launch = 0;
    std::uint32_t units_per_row = 0;  // invocations
    std::uint32_t local_size = 0;
    std::uint32_t max_groups_x = 0;

    // Bytes from the first to past the last one used, of ids and of y.
    [[nodiscard]] std::uint64_t ids_bytes() const;
    [[nodiscard]] std::uint64_t y_bytes() const;
    [[nodiscard]] std::string describe() const;
};

// `target`: the type of y: f32, f16 or bf16. `usage`: an impossible shape, a stride that is too small, odd
// (f16, bf16), not a multiple of 4 (f32) or beyond 4 GiB. `unsupported`: another target.
Result<GetRowsPlan> plan_get_rows(const host::DeviceSnapshot& device, const Format& format, Layout layout,
                                  const TypeInfo& target, const GetRowsShape& shape);

// Appends the plan to `stream`. ids: int32, aligned to 4 bytes; ignored where the plan has none. An id below
// 0 is taken for 0, one past the last row for the last row: the device cannot report it, and must not read
// elsewhere; check_ids() is for callers that have them on the host. y is aligned to its elements; what lies
// between its rows is not touched. `usage`: a buffer too small or misaligned, or weights that are not of the
// plan's format, layout or shape, or more than one matrix.
Result<void> record_get_rows(host::Stream& stream, host::Device& device, const GetRowsPlan& plan,
                             const Weights& weights, Operand ids, Operand y);

// `usage` where an id is not a row: names the first such id and its place.
Result<void> check_ids(std::span<const std::int32_t> ids, std::uint64_t rows);

}  // namespace tuff
