#include "backend/matmul_id_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/matmul_arguments.hpp"
#include "backend/matmul_tiles.hpp"

namespace tuff {
namespace {

using host::DeviceSnapshot;

Result<void> check(const DeviceSnapshot& device, const Format& format, const MatmulIdShape& s) {
    // 32-bit byte offsets within one row tile bound K, within one stride the strides, within the lists pairs.
    constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 25, kMaxStride = (std::uint64_t{1} << 30) - 1,
                            kMaxPairs = std::uint64_t{1} << 24;
    TUFF_CHECK(matrix_bytes(format, Layout::blocks, s.weights()));
    if (s.n == 0 || s.used == 0)
        return fail(ErrorCode::usage, "{} tokens of {} experts each: nothing to multiply", s.n, s.used);
    if (s.experts > kMostExperts)
        return fail(ErrorCode::usage, "{} experts are beyond the limit of {}", s.experts, kMostExperts);
    if (s.k > kMaxElements)
        return fail(ErrorCode::usage, "k = {} is beyond the limit of {}", s.k, kMaxElements);
    const auto& groups = device.limits.max_workgroup_count;
    for (const auto& [what, value, limit] :
         {std::tuple{"n", s.n, groups[2]}, std::tuple{"experts used by a token", s.used, groups[1]}})
        if (value > limit)
            return fail(ErrorCode::usage, "{} = {} is beyond this device's limit of {}", what, value, limit);
    if (s.pairs() > kMaxPairs)
        return fail(ErrorCode::usage, "{} tokens of {} experts each are beyond the limit of {} products", s.n,
                    s.used, kMaxPairs);
    for (const auto& [what, stride, least] :
         {std::tuple{"x stride", s.x_stride, s.shared_x ? 0 : s.k},
          std::tuple{"x token stride", s.x_token, s.k}, std::tuple{"y stride", s.y_stride, s.m},
          std::tuple{"ids stride", s.ids_stride, s.used}})
        if (stride < least || stride > kMaxStride)
            return fail(ErrorCode::usage, "{} {} is not between {} and {}", what, stride, least, kMaxStride);
    const std::uint64_t y_row = (s.used - 1) * s.y_stride + s.m;
    if (s.n > 1 && s.y_token < y_row)
        return fail(ErrorCode::usage, "tokens of y {} floats apart overlap; one takes {}", s.y_token, y_row);
    if (s.n > 1 && s.y_token > kMaxStride)
        return fail(ErrorCode::usage, "y token stride {} is beyond the limit of {}", s.y_token, kMaxStride);
    return {};
}

// One width of tiles, and the kernel for it.
struct Width {
    MatmulAlgorithm algorithm;
    std::uint32_t pairs;
};

// The widths to choose tiles from, falling. An expert gets no more pairs than there are tokens, unless a
// token names it twice: wider tiles than that would only wait.
std::vector<Width> useful(std::vector<Width> widths, std::uint64_t n) {
    while (widths.size() > 1 && widths[1].pairs >= n) widths.erase(widths.begin());
    return widths;
}

std::vector<Width> lane_widths(const DeviceSnapshot& device) {
    std::vector<Width> widths;
    for (const std::uint32_t pairs : {24u, 16u, 8u, 4u, 2u, 1u})
        if (pairs <= widest_lane_tile(device)) widths.push_back({MatmulAlgorithm::matmul_lanes, pairs});
    return widths;
}

std::vector<Width> square_widths(const DeviceSnapshot& device, MatmulAlgorithm algorithm,
                                 const MatmulIdShape& s) {
    const std::uint64_t expected = s.pairs() / s.experts;
    if (s.m >= 64 && expected >= 48 && SquareTile{64}.fits(device)) return {{algorithm, 64}, {algorithm, 32}};
    return {{algorithm, 32}};
}

std::vector<Width> few_widths(MatmulAlgorithm algorithm) {
    static_assert(kMatvecMaxTokens == 8);
    return {{algorithm, 8}, {algorithm, 4}, {algorithm, 2}, {algorithm, 1}};
}

void add_part(const DeviceSnapshot& device, MatmulIdPlan& plan, const Width& width) {
    const std::uint32_t groups = plan.groups();
    MatmulIdPart part{width.algorithm, width.pairs, 0, {}, width.pairs, 0};
    std::uint64_t roundings = 0;
    if (width.algorithm == MatmulAlgorithm::matmul_lanes) {
        const LaneTile tile =
            lane_tile(device, *plan.format, width.pairs, groups, ceil_div(plan.shape.m, kLaneRows));
        part.specialization = tile.specialization();
        part.rows = tile.row_tiles * kLaneRows;
        roundings = tile.roundings(groups);
    } else if (takes_few(width.algorithm)) {
        const MatvecTile tile = matvec_tile(device, width.pairs, groups);
        part.specialization = tile.specialization();
        part.rows = tile.rows;
        roundings = tile.roundings(groups, 1);
    } else {
        part.specialization = SquareTile{width.pairs}.specialization();
        roundings = SquareTile::roundings(groups, 1);
    }
    part.specialization.push_back(plan.direct ? 1 : 2);  // as lib/experts.glsl has it
    plan.roundings = std::max(plan.roundings, roundings);
    plan.parts.push_back(std::move(part));
}

// The most tiles of each part that any ids can give, and where they are. Of an expert's pairs, as many whole
// tiles of the first part as there are, and one tile of the narrowest part that takes the rest.
Result<void> place_lists(const DeviceSnapshot& device, MatmulIdPlan& plan) {
    const std::uint64_t pairs = plan.shape.pairs(), lists = std::min(plan.shape.experts + 1, pairs);
    constexpr std::uint32_t kHeadWords = 3, kCountWords = 6;  // as expert_lists.comp writes them
    std::uint64_t words = kCountWords * plan.parts.size();
    for (std::size_t i = 0; i < plan.parts.size(); i++) {
        MatmulIdPart& part = plan.parts[i];
        // Fewer pairs than this are no tile of the part.
        const std::uint64_t least = i + 1 < plan.parts.size() ? plan.parts[i + 1].tile + 1 : 1;
        const std::uint64_t most = std::min(pairs / least, i == 0 ? pairs / part.tile + lists : lists);
        if (most > device.limits.max_workgroup_count[1])
            return fail(ErrorCode::usage,
                        "{} products may take {} tiles of {}, beyond this device's limit of {}", pairs, most,
                        part.tile, device.limits.max_workgroup_count[1]);
        part.most_tiles = u32(most);
        part.table = u32(words);
        words += most * (kHeadWords + part.tile);
    }
    plan.lists_width = std::min({256u, device.limits.max_workgroup_invocations,
                                 std::max(64u, u32(std::bit_ceil(plan.shape.experts + 1)))});
    plan.lists_offset = plan.scratch_bytes;
    plan.scratch_bytes += round_up(words * sizeof(std::uint32_t), kScratchAlignment);
    return {};
}

// Tokens of packed activations that any ids can take, tiles filled up.
std::uint64_t most_packed(const MatmulIdPlan& plan) {
    const std::uint64_t pairs = plan.shape.pairs();
    std::uint64_t filling = 0;  // of the emptiest tile
    for (std::size_t i = 0; i < plan.parts.size(); i++)
        filling = std::max<std::uint64_t>(
            filling, plan.parts[i].tile - (i + 1 < plan.parts.size() ? plan.parts[i + 1].tile : 0) - 1);
    return pairs + std::min(plan.shape.experts + 1, pairs) * filling;
}

Result<MatmulIdPlan> make_plan(const DeviceSnapshot& device, const Format& format, Layout layout,
                               const MatmulIdShape& s, const std::vector<Width>& widths) {
    MatmulIdPlan plan;
    plan.format = &format;
    plan.layout = layout;
    plan.shape = s;
    plan.direct = widths.size() == 1 && widths.front().pairs == 1;
    for (const Width& width : widths) add_part(device, plan, width);
    for (const MatmulIdPart& part : plan.parts) {
        const std::uint64_t most = std::min(device.limits.max_workgroup_count[0], 65535u);
        if (ceil_div(s.m, part.rows) > most)
            return fail(ErrorCode::usage, "m = {} is beyond this device's limit of {} rows of an expert", s.m,
                        most * part.rows);
    }
    if (layout == Layout::lanes) {
        plan.activation_bytes =
            (plan.direct ? s.pairs() : most_packed(plan)) * packed_token_bytes(plan.groups());
    } else {
        plan.pads_activations =
            s.k % kGroupElements != 0 || s.x_stride % 4 != 0 || s.x_token % 4 != 0 || s.x_alignment % 16 != 0;
        if (plan.pads_activations)
            plan.activation_bytes =
                s.n * s.x_slots() * plan.groups() * std::uint64_t{kGroupElements} * sizeof(float);
    }
    plan.scratch_bytes = round_up(plan.activation_bytes, kScratchAlignment);
    if (!plan.direct) TUFF_CHECK(place_lists(device, plan));
    return plan;
}

}  // namespace

MatmulIdShape MatmulIdShape::dense() const {
    MatmulIdShape s = *this;
    if (s.shared_x)
        s.x_stride = 0;
    else if (s.x_stride == 0)
        s.x_stride = s.k;
    if (s.x_token == 0) s.x_token = s.shared_x ? s.k : s.used * s.x_stride;
    if (s.y_stride == 0) s.y_stride = s.m;
    if (s.y_token == 0) s.y_token = s.used * s.y_stride;
    if (s.ids_stride == 0) s.ids_stride = s.used;
    return s;
}

std::uint64_t MatmulIdShape::x_floats() const {
    const MatmulIdShape s = dense();
    return (s.n - 1) * s.x_token + (s.x_slots() - 1) * s.x_stride + s.k;
}

std::uint64_t MatmulIdShape::y_floats() const {
    const MatmulIdShape s = dense();
    return (s.n - 1) * s.y_token + (s.used - 1) * s.y_stride + s.m;
}

std::uint64_t MatmulIdShape::ids_count() const {
    const MatmulIdShape s = dense();
    return (s.n - 1) * s.ids_stride + s.used;
}

std::uint32_t MatmulIdPlan::groups() const {
    return u32(ceil_div(shape.k, kGroupElements));
}

std::uint64_t MatmulIdPlan::lists_bytes() const {
    return direct ? 0 : scratch_bytes - lists_offset;
}

std::string MatmulIdPlan::describe() const {
    std::string text;
    for (const MatmulIdPart& part : parts) {
        const std::string kernel = fmt::format("{}.{}", algorithm_name(part.algorithm), format->name);
        if (!text.contains(kernel)) text += fmt::format("{}{}", text.empty() ? "" : " ", kernel);
        text += fmt::format(" [{}]", fmt::join(part.specialization, ","));
    }
    if (pads_activations) text += " padded x";
    return text;
}

Result<MatmulIdPlan> plan_matmul_id(const DeviceSnapshot& device, const Format& format, Layout layout,
                                    const MatmulIdShape& shape) {
    const MatmulIdShape s = shape.dense();
    TUFF_CHECK(check(device, format, s));
    if (layout == Layout::lanes)
        return make_plan(device, format, layout, s, useful(lane_widths(device), s.n));
    const bool planes = layout == Layout::planes;
    std::vector<Width> widths =
        square_widths(device, planes ? MatmulAlgorithm::matmul_wide : MatmulAlgorithm::matmul_blocks, s);
    std::ranges::copy(few_widths(planes ? MatmulAlgorithm::matvec_wide : MatmulAlgorithm::matvec_blocks),
                      std::back_inserter(widths));
    return make_plan(device, format, layout, s, useful(std::move(widths), s.n));
}

Result<MatmulIdPlan> plan_matmul_id(const DeviceSnapshot& device, const Format& format,
                                    MatmulAlgorithm algorithm, const MatmulIdShape& shape) {
    const MatmulIdShape s = shape.dense();
    TUFF_CHECK(check(device, format, s));
    const std::vector<Width> widths = algorithm == MatmulAlgorithm::matmul_lanes ? lane_widths(device)
                                      : takes_few(algorithm)                     ? few_widths(algorithm)
                                                             : square_widths(device, algorithm, s);
    return make_plan(device, format, algorithm_layout(algorithm), s, useful(widths, s.n));
}

}  // namespace tuff
