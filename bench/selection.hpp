// Which products `tuff bench` measures: from explicit sizes, a preset or a model file. No device is needed to
// tell.
#pragma once

#include <tuff/result.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/gguf.hpp"
#include "bench/case.hpp"
#include "bench/expert_cases.hpp"
#include "bench/rows_cases.hpp"
#include "host/snapshot.hpp"

namespace tuff::bench {

struct SelectionOptions {
    std::string ops, formats;            // comma-separated names; empty: all of use here
    std::vector<std::uint64_t> m, n, k;  // every combination is taken; empty: what fits the device
    std::uint64_t batches = 1;
    std::string plain;   // of get_rows, convert, quantize: the side that is no block; empty: f32
    std::string preset;  // or
    std::string model;   // a GGUF file's own tensors
    std::vector<std::string> tensors;  // with a model: parts of names to take; empty: one of each shape
    ExpertSelection experts;           // of matmul_id
};

// Sizes taken where none are given.
struct DefaultSizes {
    std::uint64_t matvec_m = 4096, matvec_k = 14336;
    std::uint64_t matmul_m = 4096, matmul_n = 512, matmul_k = 4096;
    Layout layout{};  // of the weights that rows are looked up in, and of experts
};

// Those of an 8B model's layers; less work on a software device that none of the fast kernels suits, so that
// the whole default table takes less than a minute anywhere.
[[nodiscard]] DefaultSizes default_sizes(const host::DeviceSnapshot& device);

// A product to measure.
struct BenchCase {
    Op op{};
    const Format* format = nullptr;
    MatmulShape shape;
    std::string label;
    const GgufTensor* tensor = nullptr;  // the weights; nullptr: random ones
    std::string unsupported;             // why it cannot be measured; empty: it can
};

struct Selection {
    std::vector<Op> ops;  // of which rows are wanted
    std::vector<BenchCase> products;
    std::vector<RowsCase> rows;
    std::vector<ExpertCase> experts;

    [[nodiscard]] bool has(Op op) const { return std::ranges::find(ops, op) != ops.end(); }
};

// `model`: the file that options.model names, opened; the cases' tensors point into it. Error
// `usage`: unknown names (with the choices), options that contradict each other, a product without any op
// selected for it, an impossible size.
[[nodiscard]] Result<Selection> select_cases(const SelectionOptions& options, const GgufFile* model,
                                             const DefaultSizes& sizes);

}  // namespace tuff::bench
