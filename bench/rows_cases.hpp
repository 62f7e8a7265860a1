// Which problems of rows (get_rows, convert, quantize) `tuff bench` measures and `tuff verify` checks. No
// device is needed to tell.
#pragma once

#include <tuff/result.hpp>

#include <string>
#include <vector>

#include "bench/rows_problem.hpp"

namespace tuff::bench {

struct RowsSelection {
    std::string formats;              // comma-separated; empty: a few
    std::string plain;                // of f32, f16, bf16: the other side; empty: f32
    std::vector<std::uint64_t> m, k;  // rows and elements of the source
    std::vector<std::uint64_t> n;     // rows looked up at once
    Layout layout{};                  // of look-ups
    std::uint64_t default_m = 4096, default_k = 4096, default_n = 512;
};

// Every combination for one op. `usage`: unknown names with the choices, sizes that do not fit a format.
[[nodiscard]] Result<std::vector<RowsCase>> select_rows(Op op, const RowsSelection& options);

// Shapes and data that provoke mistakes, of one op, type (RowsCase::listed) and, for look-ups, layout.
// `quick`: as few as reach every kernel once, with what differs between them in turn.
[[nodiscard]] std::vector<RowsCase> verify_rows_cases(Op op, const TypeInfo& listed, Layout layout,
                                                      bool quick);

// What an op quantizes to: halves and every type of quantize_targets().
[[nodiscard]] std::vector<const TypeInfo*> quantized_types();

}  // namespace tuff::bench
