#include "backend/attention/attention_plan.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "backend/arithmetic.hpp"
#include "host/pipeline.hpp"

namespace tuff {
namespace {

using host::DeviceSnapshot;
using host::Feature;

constexpr std::uint32_t kMaxAttentionHead = 576, kMaxSegments = 8;

// Cells of a tile and invocations of a workgroup of attention_wide.comp: what every Vulkan device can do.
constexpr std::uint32_t kWideTile = 32, kWideThreads = 128;

// shaders/lib/attention_constants.glsl: PLACE_*.
enum Place : std::uint32_t { interleaved = 0, rows = 1, planes = 2, blocks = 3 };

Result<void> check(const DeviceSnapshot& device, CacheKind kind) {
    const std::string_view name = attention_kernel(kind);
    const shaders::Kernel* kernel = shaders::find_kernel(name);
    if (!kernel) return fail(ErrorCode::internal, "the kernel table has no row {}", name);
    if (const std::vector<std::string> missing = host::missing_needs(device, *kernel); !missing.empty())
        return fail(ErrorCode::unsupported, "{} needs {}, which {} lacks", name, fmt::join(missing, ", "),
                    device.name);
    return {};
}

Result<void> check(const DeviceSnapshot& device, const AttentionShape& s, const AttentionVariant& variant) {
    for (const auto& [what, size] : {std::pair{"k", s.k_head}, {"v", s.v_head}})
        if (size < 8 || size > kMaxAttentionHead || size % 8 != 0)
            return fail(ErrorCode::usage, "{} head size {}: sizes are multiples of 8 from 8 to {}", what,
                        size, kMaxAttentionHead);
    if (s.sequences == 0 || s.tokens == 0 || s.heads == 0 || s.kv_heads == 0)
        return fail(ErrorCode::usage,
                    "{} sequences of {} tokens, {} heads and {} kv heads: nothing to attend to", s.sequences,
                    s.tokens, s.heads, s.kv_heads);
    if (s.heads % s.kv_heads != 0)
        return fail(ErrorCode::usage, "{} heads cannot share {} kv heads evenly", s.heads, s.kv_heads);
    const std::uint64_t z = std::uint64_t{s.sequences} * s.kv_heads;
    if (z > device.limits.max_workgroup_count[2])
        return fail(ErrorCode::usage, "{} sequences of {} kv heads are beyond this device's limit of {}",
                    s.sequences, s.kv_heads, device.limits.max_workgroup_count[2]);
    constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 26;
    if (std::uint64_t{s.tokens} * s.heads * s.sequences > kMaxRows)
        return fail(ErrorCode::usage, "{} sequences of {} tokens of {} heads are beyond the limit of {} rows",
                    s.sequences, s.tokens, s.heads, kMaxRows);
    if (!std::isfinite(variant.scale) || !(variant.softcap >= 0) || !std::isfinite(variant.softcap))
        return fail(ErrorCode::usage, "scale {} and soft-cap {}: both are finite, a cap is not negative",
                    variant.scale, variant.softcap);
    if (variant.window > kMaxWindow)
        return fail(ErrorCode::usage, "a window of {} positions; the limit is {}", variant.window,
                    kMaxWindow);
    return {};
}

Result<void> check(const AttentionShape& s, const AttentionSegment& segment) {
    constexpr std::uint64_t kMaxCells = std::uint64_t{1} << 27;
    if (segment.cells == 0 || segment.cells > kMaxCells)
        return fail(ErrorCode::usage, "a segment of {} cells: there are 1 to {}", segment.cells, kMaxCells);
    const bool shared = segment.place == CachePlace::shared;
    if (!segment.k_format || !segment.v_format || (shared && segment.v_format != segment.k_format))
        return fail(ErrorCode::usage,
                    "a segment needs a format of K and of V, and one for both where V is a view of K");
    if (shared && s.v_head > s.k_head)
        return fail(ErrorCode::usage, "V of {} values cannot be a view of K of {}", s.v_head, s.k_head);
    TUFF_CHECK(segment.k_format->check(s.k_head));
    TUFF_CHECK(segment.v_format->check(shared ? s.k_head : s.v_head));
    for (const CacheFormat* format : {segment.k_format, segment.v_format})
        if (segment.place == CachePlace::blocks && format->type_id == CacheFormat::kOwnType)
            return fail(ErrorCode::usage, "{} has no GGUF blocks", format->name);
    return {};
}

// Rows of a tile: as many as keep the loop's body within the instruction cache on a software device
// (docs/attention.md), and as shared memory holds on others.
std::uint32_t most_rows(const DeviceSnapshot& device, CacheKind kind, const AttentionShape& s) {
    const std::uint32_t head = std::max(s.k_head, s.v_head);
    if (kind == CacheKind::lanes) {
        if (!device.has(Feature::uniform_loads)) return 1;  // every load a gather: compile little code
        return std::clamp(512 / std::bit_ceil(head), 1U, 8U);
    }
    // Of shared memory: a chunk of dequantized cells, and for each row its query, logits, weights and sums.
    constexpr std::uint32_t kCells = kWideTile * 17 * 16 + 256, kMostRows = 32, kMostValues = 4096;
    const auto query = u32(ceil_div(s.k_head, 32) * 128);
    const std::uint32_t fits = (device.limits.shared_memory_bytes - kCells) / (query + kWideTile * 8 + 16);
    return std::clamp(std::min(fits, kMostValues / s.v_head), 1U, kMostRows);
}

// Of a packed row: its values in whole blocks of 32, the sum of each block, and their sum.
std::uint64_t query_row_bytes(const AttentionShape& s) {
    return round_up(ceil_div(s.k_head, 32) * 33 + 1, 4) * sizeof(float);
}

std::uint64_t partial_bytes(const AttentionShape& s) {  // of a slot
    return std::uint64_t{s.sequences} * s.tokens * s.heads * (s.v_head + 2) * sizeof(float);
}

std::uint32_t choose_splits(const DeviceSnapshot& device, CacheKind kind, const AttentionShape& s,
                            const AttentionSegment& segment, std::uint32_t tiles, std::size_t segments) {
    const std::uint64_t workgroups = std::uint64_t{tiles} * s.kv_heads * s.sequences;
    // Work for every unit: a software device has dozens of threads at most, a GPU hundreds of places.
    const std::uint64_t wanted = kind == CacheKind::lanes ? 64 : host::software(device) ? 1 : 1024;
    std::uint64_t splits = ceil_div(wanted, workgroups);
    if (kind == CacheKind::lanes && tiles > 1 && workgroups < 4 * wanted) {
        // Tiles of rows run one after the other over the same cells: what they read should stay in a core's
        // cache.
        constexpr std::uint64_t kCacheBytes = 256 * 1024;
        const std::uint64_t bytes =
            segment.k_format->row_bytes(s.k_head) + segment.v_format->row_bytes(s.v_head);
        splits = std::max(splits, ceil_div(segment.cells * bytes, kCacheBytes));
    }
    constexpr std::uint64_t kLeastCells = 256, kMost = 128, kMostBytes = 12 << 20;
    splits = std::min({splits, segment.cells / kLeastCells, kMostBytes / (partial_bytes(s) * segments)});
    return u32(std::clamp<std::uint64_t>(splits, 1, kMost));
}

void specialize_side(std::vector<std::uint32_t>& out, const CacheFormat& format, Place place) {
    out.insert(out.end(),
               {static_cast<std::uint32_t>(format.coding), format.bits, format.zero, format.group, place});
}

void specialize_levels(std::vector<std::uint32_t>& out, const CacheFormat& format, std::uint32_t head) {
    const std::span<const float> levels = format.levels(head);
    for (std::size_t i = 0; i < 16; i++)
        out.push_back(i < levels.size() ? std::bit_cast<std::uint32_t>(levels[i]) : 0);
}

std::vector<std::uint32_t> specialize(const AttentionPlan& plan, const AttentionSegment& segment) {
    const AttentionShape& s = plan.shape;
    const AttentionVariant& v = plan.variant;
    const bool shared = segment.place == CachePlace::shared;
    const bool lanes = plan.kind == CacheKind::lanes;
    const Place k_place = segment.place == CachePlace::blocks ? blocks
                          : !lanes                            ? planes
                          : shared                            ? rows
                                                              : interleaved;
    const Place v_place = segment.place == CachePlace::blocks ? blocks : lanes ? rows : planes;
    const std::uint32_t stored = shared ? s.k_head : s.v_head;
    std::vector<std::uint32_t> out{plan.tile_rows,
                                   s.group(),
                                   s.k_head,
                                   s.v_head,
                                   static_cast<std::uint32_t>(v.mask),
                                   v.causal,
                                   v.softcap > 0,
                                   v.alibi,
                                   v.sinks && plan.direct(),
                                   plan.direct()};
    specialize_side(out, *segment.k_format, k_place);
    specialize_side(out, *segment.v_format, v_place);
    out.push_back(stored);
    out.push_back(lanes ? kTilePositions : kWideTile);
    out.push_back(lanes ? kTilePositions : kWideThreads);
    specialize_levels(out, *segment.k_format, s.k_head);
    specialize_levels(out, *segment.v_format, stored);
    return out;
}

// Where the scratch has room for the bits by which attention_lanes.comp passes over tiles that a given mask
// hides; returns where they end, in bytes.
Result<std::uint64_t> place_visible(AttentionPlan& plan) {
    std::uint64_t at = plan.query_bytes;
    if (plan.kind != CacheKind::lanes || plan.variant.mask == GivenMask::none) return at;
    const AttentionShape& s = plan.shape;
    for (AttentionPart& part : plan.parts) {
        part.visible_offset = at;
        part.visible_words =
            u32(part.segment.cells / (32 * kTilePositions) + 1);  // that after the last tile, too
        at += round_up(
            std::uint64_t{s.sequences} * s.kv_heads * plan.tiles * part.visible_words * sizeof(std::uint32_t),
            kScratchAlignment);
        constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 34;  // of words that 32 bits number
        if (at > kMostBytes)
            return fail(
                ErrorCode::usage,
                "a mask of {} sequences of {} tokens over {} cells needs more than {} bytes of scratch",
                s.sequences, s.tokens, part.segment.cells, kMostBytes);
    }
    return at;
}

}  // namespace

std::vector<float> alibi_slopes(std::uint32_t heads, float max_bias) {
    const std::uint32_t below = std::bit_floor(std::max(heads, 1U));
    std::vector<float> slopes(heads);
    for (std::uint32_t h = 0; h < heads; h++)
        slopes[h] = std::exp2(h < below ? -max_bias * static_cast<float>(h + 1) / static_cast<float>(below)
                                        : -max_bias / 2 * static_cast<float>(2 * (h - below) + 1) /
                                              static_cast<float>(below));
    return slopes;
}

std::string AttentionPlan::describe() const {
    std::string text = fmt::format("attention_{} {} rows", cache_kind_name(kind), tile_rows);
    for (const AttentionPart& part : parts) text += fmt::format(" {} splits", part.splits);
    return text;
}

std::string_view attention_kernel(CacheKind kind) {
    return kind == CacheKind::lanes ? "attention_lanes" : "attention_wide";
}

CacheKind preferred_cache_kind(const DeviceSnapshot& device) {
    return device.has(Feature::uniform_loads) && check(device, CacheKind::lanes) ? CacheKind::lanes
                                                                                 : CacheKind::wide;
}

Result<AttentionPlan> plan_attention(const DeviceSnapshot& device, CacheKind kind,
                                     const AttentionShape& shape, const AttentionVariant& variant,
                                     std::span<const AttentionSegment> segments,
                                     const AttentionTuning& tuning) {
    TUFF_CHECK(check(device, kind));
    TUFF_CHECK(check(device, shape, variant));
    if (segments.empty() || segments.size() > kMaxSegments)
        return fail(ErrorCode::usage, "{} segments: there are 1 to {}", segments.size(), kMaxSegments);
    AttentionPlan plan;
    plan.kind = kind;
    plan.shape = shape;
    plan.variant = variant;
    const std::uint32_t most = tuning.rows > 0 ? tuning.rows : most_rows(device, kind, shape);
    plan.tiles = u32(ceil_div(shape.rows(), most));
    plan.tile_rows = u32(ceil_div(shape.rows(), plan.tiles));
    if (plan.tiles > device.limits.max_workgroup_count[0])
        return fail(ErrorCode::usage, "{} tokens of {} heads are beyond this device's limit of {} tiles",
                    shape.tokens, shape.group(), device.limits.max_workgroup_count[0]);
    plan.slots = 0;
    std::uint64_t cells = 0;
    for (const AttentionSegment& segment : segments) {
        TUFF_CHECK(check(shape, segment));
        AttentionPart part{segment, {}, tuning.splits, plan.slots};
        if (part.splits == 0)
            part.splits = choose_splits(device, kind, shape, segment, plan.tiles, segments.size());
        plan.slots += part.splits;
        cells = std::max<std::uint64_t>(cells, ceil_div(segment.cells, part.splits));
        plan.parts.push_back(std::move(part));
    }
    for (AttentionPart& part : plan.parts) part.specialization = specialize(plan, part.segment);

    plan.query_bytes = round_up(std::uint64_t{shape.sequences} * shape.kv_heads * plan.tiles *
                                    plan.tile_rows * query_row_bytes(shape),
                                kScratchAlignment);
    TUFF_TRY(partial_offset, place_visible(plan));
    plan.partial_offset = partial_offset;
    plan.scratch_bytes = plan.partial_offset;
    if (!plan.direct()) plan.scratch_bytes += partial_bytes(shape) * plan.slots;
    // A logit: the query's scaling, decoding, a product and a sum per value, scale and offset of each block,
    // sums of blocks. A sum: each cell, a rescaling for each tile of cells, and the merge.
    plan.logit_roundings = shape.k_head + 4 * ceil_div(shape.k_head, 32) + 12;
    plan.sum_roundings = cells + 4 * ceil_div(cells, kTilePositions) + 2 * plan.slots + 16;
    return plan;
}

}  // namespace tuff
