// How a product of weights and activations runs on a device: which kernels, in which tiles, with how much
// scratch. A pure function of the device's snapshot and the problem's shape, so it is tested without a
// device.
//
//   y[b][t][r] = sum_k w[b / share][r][k] * x[b][t][k]      share = x batches / w batches
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/layout.hpp"
#include "host/snapshot.hpp"

namespace tuff {

// Strides and offsets count floats; rows of x and y are dense, tokens and batches may be strided.
struct MatmulShape {
    std::uint64_t m = 0;             // rows of w
    std::uint64_t n = 0;             // tokens
    std::uint64_t k = 0;             // elements of a row
    std::uint64_t batches = 1;       // of x and y
    std::uint64_t w_batches = 1;     // divides `batches`
    std::uint64_t x_stride = 0;      // between tokens of x; 0: k
    std::uint64_t y_stride = 0;      // between tokens of y; 0: m
    std::uint64_t x_batch = 0;       // between batches of x; 0: n * x_stride
    std::uint64_t y_batch = 0;       // between batches of y; 0: n * y_stride
    std::uint32_t x_alignment = 16;  // bytes the start of x is a multiple of: 4, 8 or 16

    // The same with every 0 stride filled in.
    [[nodiscard]] MatmulShape dense() const;
    // Floats from the first to past the last one used, of x and of y.
    [[nodiscard]] std::uint64_t x_floats() const;
    [[nodiscard]] std::uint64_t y_floats() const;
    [[nodiscard]] MatrixShape weights() const { return {m, k, w_batches}; }
};

// The main kernel of a plan; each reads one layout.
enum class MatmulAlgorithm { matmul_lanes, matvec_wide, matmul_wide, matvec_blocks, matmul_blocks };
[[nodiscard]] std::string_view algorithm_name(MatmulAlgorithm algorithm);  // as in shaders/kernels.cmake
[[nodiscard]] Layout algorithm_layout(MatmulAlgorithm algorithm);
[[nodiscard]] std::span<const MatmulAlgorithm> all_matmul_algorithms();
// Whether it is one of those for few tokens, and whether for any number; matmul_lanes is both.
[[nodiscard]] bool takes_few(MatmulAlgorithm algorithm);
[[nodiscard]] bool takes_many(MatmulAlgorithm algorithm);
inline constexpr std::uint64_t kMatvecMaxTokens = 8;  // what matvec_wide and matvec_blocks take

// Whether a device is of the kind for which the lanes kernels are written: they compile to plain vector code.
[[nodiscard]] bool prefers_lanes(const host::DeviceSnapshot& device);
// The layout weights should be uploaded in.
[[nodiscard]] Layout preferred_layout(const host::DeviceSnapshot& device);

// A range of tokens in tiles of one width: one launch of the main kernel, or several where the grid is
// limited.
struct MatmulPart {
    std::uint32_t first_token = 0;
    std::uint32_t tokens = 0;                   // of this part
    std::uint32_t tile = 0;                     // tokens per tile
    std::vector<std::uint32_t> specialization;  // of the main kernel
    std::uint32_t rows = 0;                     // of one workgroup
    std::uint64_t packed_offset = 0;  // bytes into the scratch: the activations as the kernel wants them
};

struct MatmulPlan {
    MatmulAlgorithm algorithm{};
    std::string kernel;                // "matmul_lanes.q4_k"
    MatmulShape shape;                 // dense()
    bool pads_activations = false;     // wide kernels: x is copied to aligned, padded rows first
    std::uint32_t splits = 1;          // wide kernels: parts of K summed by reduce_splits
    std::uint64_t partial_offset = 0;  // bytes into the scratch: the partial sums
    std::uint64_t scratch_bytes = 0;
    std::uint64_t roundings = 0;     // for reference::error_bound
    std::uint32_t max_groups_x = 0;  // workgroups of one launch along x
    std::vector<MatmulPart> parts;

    [[nodiscard]] std::uint32_t groups() const;  // of 32 elements in a row, the last one padded
    // "matmul_lanes.q4_k tile 32x1 unroll 4": what --verbose and the reports print.
    [[nodiscard]] std::string describe() const;
};

// The fastest plan known for the device. `usage`: a shape that is impossible (names the dimension and the
// limit).
Result<MatmulPlan> plan_matmul(const host::DeviceSnapshot& device, const Format& format, Layout layout,
                               const MatmulShape& shape);

// A plan that uses the given algorithm, fast or not; for verification and comparison. `unsupported`: more
// tokens than it takes.
Result<MatmulPlan> plan_matmul(const host::DeviceSnapshot& device, const Format& format,
                               MatmulAlgorithm algorithm, const MatmulShape& shape);

}  // namespace tuff
