// How a product by expert runs on a device: the mat-mat of mixture-of-experts models, in which a table says
// which of a stack of matrices each slot of a token is multiplied by.
//
//   y[t][s][r] = sum_k w[ids[t][s]][r][k] * x[t][s][k]
//
// A pair (t, s) whose id is no expert gives zeros: ids live on the device, so nobody can refuse them in time.
// Pairs are sorted by expert on the device and multiplied in tiles of one expert each, so that the weights of
// an expert are read once for a whole tile. A single token needs no sorting: each pair is a tile.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "backend/layout.hpp"
#include "backend/matmul_plan.hpp"
#include "host/snapshot.hpp"

namespace tuff {

// Strides count elements; rows of x and y are dense, slots and tokens may be strided.
struct MatmulIdShape {
    std::uint64_t m = 0;             // rows of each matrix
    std::uint64_t n = 0;             // tokens
    std::uint64_t k = 0;             // elements of a row
    std::uint64_t experts = 0;       // matrices in w
    std::uint64_t used = 0;          // slots of a token
    bool shared_x = false;           // every slot of a token takes the same x
    std::uint64_t x_stride = 0;      // between slots of x; 0: k, or none where they share it
    std::uint64_t x_token = 0;       // between tokens of x; 0: used * x_stride, or k
    std::uint64_t y_stride = 0;      // between slots of y; 0: m
    std::uint64_t y_token = 0;       // between tokens of y; 0: used * y_stride
    std::uint64_t ids_stride = 0;    // between tokens of the ids, whose slots are dense; 0: used
    std::uint32_t x_alignment = 16;  // bytes the start of x is a multiple of: 4, 8 or 16

    // The same with every 0 stride filled in.
    [[nodiscard]] MatmulIdShape dense() const;
    [[nodiscard]] std::uint64_t pairs() const { return n * used; }
    [[nodiscard]] std::uint64_t x_slots() const { return shared_x ? 1 : used; }
    // Elements from the first to past the last one used, of x, y and the ids.
    [[nodiscard]] std::uint64_t x_floats() const;
    [[nodiscard]] std::uint64_t y_floats() const;
    [[nodiscard]] std::uint64_t ids_count() const;
    [[nodiscard]] MatrixShape weights() const { return {m, k, experts}; }
    friend bool operator==(const MatmulIdShape&, const MatmulIdShape&) = default;
};

inline constexpr std::uint64_t kMostExperts = 1024;

// Tiles of one width, and the kernel that multiplies them.
struct MatmulIdPart {
    MatmulAlgorithm algorithm{};
    std::uint32_t tile = 0;                     // pairs of a tile
    std::uint32_t most_tiles = 0;               // whatever the ids are
    std::vector<std::uint32_t> specialization;  // of the main kernel, by expert
    std::uint32_t rows = 0;                     // of one workgroup
    std::uint32_t table = 0;                    // where its tiles are in the lists, in words
};

struct MatmulIdPlan {
    const Format* format = nullptr;
    Layout layout{};
    MatmulIdShape shape;                 // dense()
    bool direct = false;                 // each pair is a tile; else they are sorted by expert into lists
    bool pads_activations = false;       // wide kernels: x is copied to aligned, padded rows first
    std::uint32_t lists_width = 0;       // invocations of the kernel that makes the lists
    std::uint64_t lists_offset = 0;      // bytes into the scratch: the lists
    std::uint64_t scratch_bytes = 0;     // begins with the packed or padded activations
    std::uint64_t activation_bytes = 0;  // of those
    std::uint64_t roundings = 0;         // for reference::error_bound
    std::vector<MatmulIdPart> parts;     // of falling width

    [[nodiscard]] std::uint32_t groups() const;  // of 32 elements in a row, the last one padded
    [[nodiscard]] std::uint64_t lists_bytes() const;
    // "matmul_lanes.q4_k by expert [...] [...]": what --verbose and the reports print.
    [[nodiscard]] std::string describe() const;
};

// The fastest plan known for the device. `usage`: a shape that is impossible (names the dimension and the
// limit).
Result<MatmulIdPlan> plan_matmul_id(const host::DeviceSnapshot& device, const Format& format, Layout layout,
                                    const MatmulIdShape& shape);

// A plan whose only main kernel is the given one, fast or not; for verification and comparison.
Result<MatmulIdPlan> plan_matmul_id(const host::DeviceSnapshot& device, const Format& format,
                                    MatmulAlgorithm algorithm, const MatmulIdShape& shape);

}  // namespace tuff
