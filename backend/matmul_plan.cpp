#include "backend/matmul_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/matmul_tiles.hpp"
#include "host/pipeline.hpp"

namespace tuff {
namespace {

using host::DeviceSnapshot;
using host::Feature;

Result<void> check(const DeviceSnapshot& device, const Format& format, const MatmulShape& s) {
    // 32-bit byte offsets within one row tile bound K, within one stride the strides; 32-bit counters of the
    // kernels the tokens of all batches; 64-bit byte counts the whole.
    constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 25, kMaxStride = (std::uint64_t{1} << 30) - 1,
                            kMaxTokens = (std::uint64_t{1} << 32) - 1, kMaxFloats = std::uint64_t{1} << 60;
    TUFF_CHECK(matrix_bytes(format, Layout::blocks, s.weights()));
    if (s.n == 0 || s.batches == 0)
        return fail(ErrorCode::usage, "n = {} and {} batches: nothing to multiply", s.n, s.batches);
    if (s.n > device.limits.max_workgroup_count[1])
        return fail(ErrorCode::usage, "n = {} is beyond this device's limit of {}", s.n,
                    device.limits.max_workgroup_count[1]);
    if (s.batches > device.limits.max_workgroup_count[2])
        return fail(ErrorCode::usage, "{} batches are beyond this device's limit of {}", s.batches,
                    device.limits.max_workgroup_count[2]);
    if (s.n * s.batches > kMaxTokens)
        return fail(ErrorCode::usage, "{} batches of n = {} are beyond the limit of {} tokens", s.batches,
                    s.n, kMaxTokens);
    if (s.k > kMaxElements)
        return fail(ErrorCode::usage, "k = {} is beyond the limit of {}", s.k, kMaxElements);
    if (s.batches % s.w_batches != 0)
        return fail(ErrorCode::usage, "{} batches of activations cannot share {} batches of weights evenly",
                    s.batches, s.w_batches);
    if (s.x_stride < s.k || s.x_stride > kMaxStride)
        return fail(ErrorCode::usage, "x stride {} is not between k = {} and {}", s.x_stride, s.k,
                    kMaxStride);
    if (s.y_stride < s.m || s.y_stride > kMaxStride)
        return fail(ErrorCode::usage, "y stride {} is not between m = {} and {}", s.y_stride, s.m,
                    kMaxStride);
    if (s.batches > 1 && s.y_batch < (s.n - 1) * s.y_stride + s.m)
        return fail(ErrorCode::usage, "y batches {} floats apart overlap; one takes {}", s.y_batch,
                    (s.n - 1) * s.y_stride + s.m);
    // One batch has less than 2^62 floats by the limits above.
    for (const auto& [what, batch, one] : {std::tuple{"x", s.x_batch, (s.n - 1) * s.x_stride + s.k},
                                           std::tuple{"y", s.y_batch, (s.n - 1) * s.y_stride + s.m}})
        if (one > kMaxFloats || (s.batches > 1 && batch > (kMaxFloats - one) / (s.batches - 1)))
            return fail(ErrorCode::usage,
                        "{} batches of {} {} floats apart are beyond the limit of {} floats", s.batches, what,
                        batch, kMaxFloats);
    return {};
}

MatmulPlan begin(const DeviceSnapshot& device, MatmulAlgorithm algorithm, const Format& format,
                 const MatmulShape& shape) {
    MatmulPlan plan;
    plan.max_groups_x = device.limits.max_workgroup_count[0];
    plan.algorithm = algorithm;
    plan.kernel = fmt::format("{}.{}", algorithm_name(algorithm), format.name);
    plan.shape = shape;
    return plan;
}

MatmulPlan plan_lanes(const DeviceSnapshot& device, const Format& format, const MatmulShape& s) {
    MatmulPlan plan = begin(device, MatmulAlgorithm::matmul_lanes, format, s);
    // Past the widest tile, tiles of that width and one narrower tile for the rest.
    const std::uint32_t widest = widest_lane_tile(device);
    const std::uint32_t groups = plan.groups();
    const std::uint64_t tiles = ceil_div(s.m, kLaneRows);
    const std::uint32_t n = u32(s.n);
    const auto add = [&](std::uint32_t first, std::uint32_t tokens, std::uint32_t tile) {
        const LaneTile t = lane_tile(device, format, tile, groups, tiles);
        MatmulPart part{first, tokens, tile, t.specialization(), t.row_tiles * kLaneRows, plan.scratch_bytes};
        plan.scratch_bytes += round_up(s.batches * packed_bytes(tokens, tile, groups), kScratchAlignment);
        plan.roundings = std::max(plan.roundings, t.roundings(groups));
        plan.parts.push_back(std::move(part));
    };
    const std::uint32_t whole = n / widest * widest, rest = n - whole;
    if (whole > 0) add(0, whole, widest);
    if (rest > 0) add(whole, rest, rest <= kMatvecMaxTokens ? rest : u32(round_up(rest, 4)));
    return plan;
}

// Parts of K so that a wide device has work for all its units; a software device has none to fill.
std::uint32_t wide_splits(const DeviceSnapshot& device, std::uint64_t workgroups, std::uint32_t groups) {
    if (host::software(device)) return 1;
    constexpr std::uint64_t kWanted = 512, kMinGroups = 16, kMost = 16;
    const std::uint64_t wanted =
        std::clamp<std::uint64_t>(kWanted / std::max<std::uint64_t>(workgroups, 1), 1, kMost);
    return u32(std::bit_floor(std::clamp<std::uint64_t>(groups / kMinGroups, 1, wanted)));
}

// The scratch of a wide plan, after its splits are known.
void place_wide_scratch(MatmulPlan& plan) {
    const MatmulShape& s = plan.shape;
    plan.pads_activations =
        s.k % kGroupElements != 0 || s.x_stride % 4 != 0 || s.x_batch % 4 != 0 || s.x_alignment % 16 != 0;
    if (plan.pads_activations)
        plan.scratch_bytes =
            round_up(s.batches * s.n * plan.groups() * kGroupElements * sizeof(float), kScratchAlignment);
    if (plan.splits > 1) {
        plan.partial_offset = plan.scratch_bytes;
        plan.scratch_bytes += s.batches * plan.splits * s.n * s.m * sizeof(float);
    }
}

MatmulPlan plan_matvec(const DeviceSnapshot& device, const Format& format, MatmulAlgorithm algorithm,
                       const MatmulShape& s) {
    MatmulPlan plan = begin(device, algorithm, format, s);
    const std::uint32_t groups = plan.groups();
    const MatvecTile tile = matvec_tile(device, u32(s.n), groups);
    MatmulPart part{0, tile.tokens, tile.tokens, tile.specialization(), tile.rows, 0};
    plan.splits = wide_splits(device, ceil_div(s.m, tile.rows) * s.batches, groups);
    place_wide_scratch(plan);
    plan.roundings = tile.roundings(groups, plan.splits);
    plan.parts.push_back(std::move(part));
    return plan;
}

MatmulPlan plan_tiled(const DeviceSnapshot& device, const Format& format, MatmulAlgorithm algorithm,
                      const MatmulShape& s) {
    MatmulPlan plan = begin(device, algorithm, format, s);
    const SquareTile tile{s.m >= 64 && s.n >= 64 && SquareTile{64}.fits(device) ? 64u : 32u};
    const std::uint32_t side = tile.side;
    MatmulPart part{0, u32(s.n), side, tile.specialization(), side, 0};
    plan.splits = wide_splits(device, ceil_div(s.m, side) * ceil_div(s.n, side) * s.batches, plan.groups());
    plan.splits = u32(std::min<std::uint64_t>(plan.splits, device.limits.max_workgroup_count[2] / s.batches));
    place_wide_scratch(plan);
    plan.roundings = SquareTile::roundings(plan.groups(), plan.splits);
    plan.parts.push_back(std::move(part));
    return plan;
}

}  // namespace

MatmulShape MatmulShape::dense() const {
    MatmulShape s = *this;
    if (s.x_stride == 0) s.x_stride = s.k;
    if (s.y_stride == 0) s.y_stride = s.m;
    if (s.x_batch == 0) s.x_batch = s.n * s.x_stride;
    if (s.y_batch == 0) s.y_batch = s.n * s.y_stride;
    return s;
}

std::uint64_t MatmulShape::x_floats() const {
    const MatmulShape s = dense();
    return (s.batches - 1) * s.x_batch + (s.n - 1) * s.x_stride + s.k;
}

std::uint64_t MatmulShape::y_floats() const {
    const MatmulShape s = dense();
    return (s.batches - 1) * s.y_batch + (s.n - 1) * s.y_stride + s.m;
}

std::string_view algorithm_name(MatmulAlgorithm algorithm) {
    switch (algorithm) {
        case MatmulAlgorithm::matmul_lanes:
            return "matmul_lanes";
        case MatmulAlgorithm::matvec_wide:
            return "matvec_wide";
        case MatmulAlgorithm::matmul_wide:
            return "matmul_wide";
        case MatmulAlgorithm::matvec_blocks:
            return "matvec_blocks";
        case MatmulAlgorithm::matmul_blocks:
            return "matmul_blocks";
    }
    return "";
}

Layout algorithm_layout(MatmulAlgorithm algorithm) {
    switch (algorithm) {
        case MatmulAlgorithm::matmul_lanes:
            return Layout::lanes;
        case MatmulAlgorithm::matvec_wide:
        case MatmulAlgorithm::matmul_wide:
            return Layout::planes;
        case MatmulAlgorithm::matvec_blocks:
        case MatmulAlgorithm::matmul_blocks:
            break;
    }
    return Layout::blocks;
}

std::span<const MatmulAlgorithm> all_matmul_algorithms() {
    static constexpr MatmulAlgorithm all[] = {MatmulAlgorithm::matmul_lanes, MatmulAlgorithm::matvec_wide,
                                              MatmulAlgorithm::matmul_wide, MatmulAlgorithm::matvec_blocks,
                                              MatmulAlgorithm::matmul_blocks};
    return all;
}

bool takes_few(MatmulAlgorithm algorithm) {
    return algorithm != MatmulAlgorithm::matmul_wide && algorithm != MatmulAlgorithm::matmul_blocks;
}

bool takes_many(MatmulAlgorithm algorithm) {
    return algorithm != MatmulAlgorithm::matvec_wide && algorithm != MatmulAlgorithm::matvec_blocks;
}

bool prefers_lanes(const DeviceSnapshot& device) {
    const shaders::Kernel* kernel = shaders::find_kernel("matmul_lanes.f32");
    return device.has(Feature::uniform_loads) && kernel && host::missing_needs(device, *kernel).empty();
}

Layout preferred_layout(const DeviceSnapshot& device) {
    return prefers_lanes(device) ? Layout::lanes : Layout::planes;
}

std::uint32_t MatmulPlan::groups() const {
    return u32(ceil_div(shape.k, kGroupElements));
}

std::string MatmulPlan::describe() const {
    std::string text = kernel;
    for (const MatmulPart& part : parts) text += fmt::format(" [{}]", fmt::join(part.specialization, ","));
    if (splits > 1) text += fmt::format(" split {}", splits);
    if (pads_activations) text += " padded x";
    return text;
}

Result<MatmulPlan> plan_matmul(const DeviceSnapshot& device, const Format& format, Layout layout,
                               const MatmulShape& shape) {
    const bool few = shape.n <= kMatvecMaxTokens;
    switch (layout) {
        case Layout::lanes:
            return plan_matmul(device, format, MatmulAlgorithm::matmul_lanes, shape);
        case Layout::planes:
            return plan_matmul(device, format,
                               few ? MatmulAlgorithm::matvec_wide : MatmulAlgorithm::matmul_wide, shape);
        case Layout::blocks:
            break;
    }
    return plan_matmul(device, format, few ? MatmulAlgorithm::matvec_blocks : MatmulAlgorithm::matmul_blocks,
                       shape);
}

Result<MatmulPlan> plan_matmul(const DeviceSnapshot& device, const Format& format, MatmulAlgorithm algorithm,
                               const MatmulShape& shape) {
    const MatmulShape s = shape.dense();
    TUFF_CHECK(check(device, format, s));
    if (!takes_many(algorithm) && s.n > kMatvecMaxTokens)
        return fail(ErrorCode::unsupported, "{} takes at most {} tokens, not {}", algorithm_name(algorithm),
                    kMatvecMaxTokens, s.n);
    if (algorithm == MatmulAlgorithm::matmul_lanes) return plan_lanes(device, format, s);
    return takes_few(algorithm) ? plan_matvec(device, format, algorithm, s)
                                : plan_tiled(device, format, algorithm, s);
}

}  // namespace tuff
