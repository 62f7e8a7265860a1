// What plans of products have in common: tiles of the main kernels by device and shape. The figures behind
// the choices: docs/results.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/format.hpp"
#include "host/snapshot.hpp"

namespace tuff {

// `specialization` is the main kernel's, `roundings` what one product passes through at most
// (reference::error_bound), both for rows of `groups` groups of 32 elements.

// A workgroup of matmul_lanes.
struct LaneTile {
    std::uint32_t row_tiles, tokens, unroll;
    bool factored;

    [[nodiscard]] std::vector<std::uint32_t> specialization() const;
    [[nodiscard]] std::uint64_t roundings(std::uint32_t groups) const;
};
// For `tokens` tokens, rows of `groups` groups, `tiles` tiles of eight rows.
[[nodiscard]] LaneTile lane_tile(const host::DeviceSnapshot& device, const Format& format,
                                 std::uint32_t tokens, std::uint32_t groups, std::uint64_t tiles);
// The most tokens of one: their sums stay in registers.
[[nodiscard]] std::uint32_t widest_lane_tile(const host::DeviceSnapshot& device);
// Bytes of one token of packed activations (pack_activations_lanes).
[[nodiscard]] std::uint64_t packed_token_bytes(std::uint32_t groups);
// Of a batch of `tokens` tokens in tiles of `tile`, the last one filled up.
[[nodiscard]] std::uint64_t packed_bytes(std::uint32_t tokens, std::uint32_t tile, std::uint32_t groups);

// A workgroup of matvec_wide or matvec_blocks.
struct MatvecTile {
    std::uint32_t invocations, rows, tokens;

    [[nodiscard]] std::vector<std::uint32_t> specialization() const;
    [[nodiscard]] std::uint64_t roundings(std::uint32_t groups, std::uint32_t splits) const;
};
[[nodiscard]] MatvecTile matvec_tile(const host::DeviceSnapshot& device, std::uint32_t tokens,
                                     std::uint32_t groups);

// A workgroup of matmul_wide or matmul_blocks: as many rows as tokens. Every device has room for 32.
struct SquareTile {
    std::uint32_t side;

    [[nodiscard]] bool fits(const host::DeviceSnapshot& device) const;
    [[nodiscard]] std::vector<std::uint32_t> specialization() const;
    [[nodiscard]] static std::uint64_t roundings(std::uint32_t groups, std::uint32_t splits);
};

}  // namespace tuff
