#include "backend/matmul_tiles.hpp"

#include <algorithm>

#include "backend/arithmetic.hpp"
#include "backend/format.hpp"

namespace tuff {

using host::DeviceSnapshot;
using host::Feature;

std::vector<std::uint32_t> LaneTile::specialization() const {
    return {row_tiles, tokens, unroll, factored ? 1u : 0u, 1};
}

std::uint64_t LaneTile::roundings(std::uint32_t groups) const {
    // Factored: the 32 codes of a group, then scale and offset of each group; else one addition per element.
    return factored ? 64 + 2 * std::uint64_t{groups} : 8 + std::uint64_t{groups} * kGroupElements;
}

LaneTile lane_tile(const DeviceSnapshot& device, const Format& format, std::uint32_t tokens,
                   std::uint32_t groups, std::uint64_t tiles) {
    const bool plain = format.lanes.planes.size() == 1;  // no scales
    // A group of codes of more bits is a loop body by itself: unrolled, it leaves the cache of decoded
    // instructions.
    const bool short_body = format.lanes.planes[0].bytes <= kGroupElements / 4;
    LaneTile tile{1, tokens, 1, false};
    if (!device.has(Feature::uniform_loads)) return tile;  // every load a gather: compile little code
    if (tokens == 1)
        tile = {4, tokens, short_body ? 4u : 1u, true};
    else if (tokens == 2)
        tile = plain ? LaneTile{2, tokens, 2, false} : LaneTile{4, tokens, 1, true};
    else if (tokens <= 4)
        tile = {2, tokens, 2, false};
    else if (tokens <= 8)
        tile = {2, tokens, plain ? 1u : 2u, false};
    while (groups % tile.unroll != 0) tile.unroll /= 2;
    constexpr std::uint64_t kEnoughGroups = 32;  // to keep a few dozen threads equally busy
    while (tile.row_tiles > 1 && tiles < tile.row_tiles * kEnoughGroups) tile.row_tiles /= 2;
    return tile;
}

std::uint32_t widest_lane_tile(const DeviceSnapshot& device) {
    return device.has(Feature::uniform_loads) ? 24 : 8;
}

std::uint64_t packed_token_bytes(std::uint32_t groups) {
    return std::uint64_t{groups} * (kGroupElements + 2) * sizeof(float);
}

std::uint64_t packed_bytes(std::uint32_t tokens, std::uint32_t tile, std::uint32_t groups) {
    return round_up(tokens, tile) * packed_token_bytes(groups);
}

std::vector<std::uint32_t> MatvecTile::specialization() const {
    return {invocations, rows, tokens};
}

std::uint64_t MatvecTile::roundings(std::uint32_t groups, std::uint32_t splits) const {
    return 16 + ceil_div(std::uint64_t{groups} * 4, std::uint64_t{invocations} * splits) + invocations +
           splits;
}

MatvecTile matvec_tile(const DeviceSnapshot& device, std::uint32_t tokens, std::uint32_t groups) {
    // Every invocation should have at least 8 slices of 8 elements; one subgroup needs no barrier.
    std::uint32_t invocations = std::max(1u, device.subgroup.size);
    const std::uint32_t most = std::min(128u, device.limits.max_workgroup_invocations);
    while (!host::software(device) && invocations * 2 <= most && groups * 4 / (invocations * 2) >= 8)
        invocations *= 2;
    return {invocations, 2, tokens};
}

bool SquareTile::fits(const DeviceSnapshot& device) const {
    // Shared memory holds 32 x (side + 4) floats of each operand.
    return side * side / 16 <= device.limits.max_workgroup_invocations &&
           32 * (side + 4) * 2 * sizeof(float) <= device.limits.shared_memory_bytes;
}

std::vector<std::uint32_t> SquareTile::specialization() const {
    return {side * side / 16, side, side};
}

std::uint64_t SquareTile::roundings(std::uint32_t groups, std::uint32_t splits) {
    return 16 + ceil_div(groups, splits) * kGroupElements + splits;
}

}  // namespace tuff
