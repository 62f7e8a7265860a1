// What is measured or verified, and what came out: plain data, the same for every report.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/format.hpp"
#include "backend/kv/cache_format.hpp"
#include "backend/matmul_plan.hpp"

namespace tuff::bench {

enum class Op { matvec, matmul, matmul_id, get_rows, convert, quantize, attention, copy, fma, transfer };
[[nodiscard]] std::string_view op_name(Op op);
[[nodiscard]] std::span<const Op> all_ops();

// What is between the commas; empty gives none.
[[nodiscard]] std::vector<std::string_view> split_names(std::string_view names);

// Names separated by commas. `usage`: an unknown name, with the choices.
[[nodiscard]] Result<std::vector<Op>> parse_ops(std::string_view names);
[[nodiscard]] Result<std::vector<const Format*>> parse_formats(std::string_view names);
[[nodiscard]] Result<std::vector<const CacheFormat*>> parse_cache_formats(std::string_view names);
[[nodiscard]] Result<std::vector<MatmulAlgorithm>> parse_algorithms(std::string_view names);

// "matmul_lanes, ...": for messages.
[[nodiscard]] std::string algorithm_names();

// The op a product of n tokens is listed under.
[[nodiscard]] inline Op product_op(std::uint64_t n) {
    return n <= kMatvecMaxTokens ? Op::matvec : Op::matmul;
}

// Whether an op moves rows: its roof is copying, as it writes what it reads in another form.
[[nodiscard]] inline bool moves_rows(Op op) {
    return op == Op::get_rows || op == Op::convert || op == Op::quantize;
}

enum class Status { pass, fail, unsupported };
[[nodiscard]] std::string_view status_name(Status status);

struct CaseResult {
    Op op{};
    const Format* format = nullptr;  // nullptr for copy and fma
    MatmulShape shape;               // all zeros for copy and fma
    std::string label;    // what tells rows of one shape apart: a tensor's name, a preset's part, "read"
    std::string variant;  // the kernel chosen, as MatmulPlan::describe gives it; may be empty
    std::string formats, sizes;  // of what is no product: what stands for the format and the shape
    Status status = Status::pass;
    std::string reason;  // of a status other than pass

    // Missing where it was not measured.
    std::optional<double> error_over_bound;  // the worst element; at most 1 for a correct kernel
    std::uint64_t elements_checked = 0;
    std::vector<double> samples_us;  // of one execution each
    std::optional<double> gbps;      // 10^9 bytes that have to be moved, a second
    std::optional<double> gflops;    // 10^9 operations a second; a multiply-add is two
    std::optional<double> roof_fraction;
    std::uint64_t bytes = 0;  // what one execution has to move
    std::uint64_t flops = 0;
    std::uint64_t cache_bytes = 0;     // of attention: of the filled cells
    std::uint64_t scratch_bytes = 0;   // of attention: all memory beyond inputs, cache and results
    std::optional<double> times_f16;   // of attention: how many times faster than with a cache of f16
    std::uint64_t rotation_bytes = 0;  // over how much memory the executions rotated
};

// What tables and reports call a result's format and shape; empty where it has none.
[[nodiscard]] std::string format_text(const CaseResult& result);
[[nodiscard]] std::string shape_text(const CaseResult& result);

// "4096x1x14336", with "x2" for two batches ("x8/2" where 8 batches share 2 of weights); empty for copy and
// fma.
[[nodiscard]] std::string shape_text(const MatmulShape& shape);

}  // namespace tuff::bench
