#include "backend/kv/cache_format.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/formats/levels.hpp"
#include "backend/kv/codebook.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kOwn = CacheFormat::kOwnType;

constexpr CacheFormat all[] = {
    {"f32", CacheCoding::f32, 32, 0, 0, false, 0},
    {"f16", CacheCoding::f16, 16, 0, 0, false, 1},
    {"bf16", CacheCoding::bf16, 16, 0, 0, false, 30},
    {"q8_0", CacheCoding::scaled, 8, 0, 32, false, 8},
    {"q5_1", CacheCoding::affine, 5, 0, 32, true, 7},
    {"q5_0", CacheCoding::scaled, 5, 16, 32, true, 6},
    {"q4_1", CacheCoding::affine, 4, 0, 32, true, 3},
    {"q4_0", CacheCoding::scaled, 4, 8, 32, true, 2},
    {"iq4_nl", CacheCoding::levels, 4, 0, 32, true, 20},
    {"kv8", CacheCoding::scaled, 8, 0, 0, false, kOwn},
    {"kv6", CacheCoding::affine, 6, 0, 0, true, kOwn},
    {"kv5", CacheCoding::affine, 5, 0, 0, true, kOwn},
    {"kv4", CacheCoding::affine, 4, 0, 0, true, kOwn},
    {"kv3", CacheCoding::affine, 3, 0, 0, true, kOwn},
    {"kv2", CacheCoding::affine, 2, 0, 0, true, kOwn},
    {"turbo4", CacheCoding::levels, 4, 0, 0, true, kOwn},
    {"turbo3", CacheCoding::levels, 3, 0, 0, true, kOwn},
    {"turbo2", CacheCoding::levels, 2, 0, 0, true, kOwn},
};

// GGUF's iq4_nl.
constexpr auto kNonLinear = [] {
    std::array<float, levels::kNl.size()> floats{};
    std::ranges::copy(levels::kNl, floats.begin());
    return floats;
}();

// Codes are cut into the fewest pieces that do not straddle bytes.
constexpr std::pair<PlaneKind, std::uint32_t> kPieces[] = {
    {PlaneKind::bytes, 8}, {PlaneKind::nibbles, 4}, {PlaneKind::pairs, 2}, {PlaneKind::bits, 1}};

}  // namespace

std::vector<RowPlane> CacheFormat::planes(std::uint32_t head_dim) const {
    if (!quantized()) return {{PlaneKind::values, bits, 0, head_dim * bits / 8}};
    const std::uint32_t padded = u32(round_up(head_dim, kCacheGroup));
    std::vector<RowPlane> planes;
    std::uint32_t shift = 0;
    for (const auto& [kind, width] : kPieces) {
        if (bits - shift < width) continue;
        planes.push_back({kind, width, shift, padded * width / 8});
        shift += width;
    }
    const std::uint32_t halves = groups(head_dim) * 2;
    planes.push_back({PlaneKind::scales, 16, 0, halves});
    if (coding == CacheCoding::affine) planes.push_back({PlaneKind::offsets, 16, 0, halves});
    return planes;
}

CacheRow CacheFormat::row(std::uint32_t head_dim) const {
    CacheRow row;
    for (const RowPlane& plane : planes(head_dim))
        row.planes[row.plane_count++] = {plane.bytes, std::max(1U, plane.width / 8)};
    return row;
}

std::uint32_t CacheFormat::row_bytes(std::uint32_t head_dim) const {
    std::uint32_t sum = 0;
    for (const RowPlane& plane : planes(head_dim)) sum += plane.bytes;
    return sum;
}

std::uint32_t CacheFormat::groups(std::uint32_t head_dim) const {
    if (!quantized()) return 0;
    return group == 0 ? 1 : head_dim / group;
}

std::span<const float> CacheFormat::levels(std::uint32_t head_dim) const {
    if (coding != CacheCoding::levels) return {};
    if (spherical()) return sphere_codebook(head_dim, bits).levels;
    return kNonLinear;
}

Result<void> CacheFormat::check(std::uint32_t head_dim) const {
    if (head_dim == 0 || head_dim % 8 != 0 || head_dim > kMaxHeadDim)
        return fail(ErrorCode::usage, "a head of {} values: sizes are multiples of 8 from 8 to {}", head_dim,
                    kMaxHeadDim);
    if (group != 0 && head_dim % group != 0)
        return fail(ErrorCode::usage, "{} has blocks of {} values, which do not divide a head of {}; {} does",
                    name, group, head_dim,
                    bits > 6   ? "kv8"
                    : bits > 4 ? "kv5"
                               : "kv4");
    return {};
}

std::span<const CacheFormat> cache_formats() {
    return all;
}

const CacheFormat* find_cache_format(std::string_view name) {
    const auto* found = std::ranges::find(all, name, &CacheFormat::name);
    return found == std::end(all) ? nullptr : found;
}

Result<const CacheFormat*> require_cache_format(std::string_view name) {
    if (const CacheFormat* format = find_cache_format(name)) return format;
    return fail(ErrorCode::usage, "unknown cache format '{}'; there are {}", name, cache_format_names());
}

std::string cache_format_names() {
    std::vector<std::string_view> names;
    for (const CacheFormat& format : all) names.push_back(format.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

const CacheFormat& part_format(const CacheFormat& body, std::size_t part) {
    static const CacheFormat* const f16 = find_cache_format("f16");
    return part == static_cast<std::size_t>(CachePart::body) ? body : *f16;
}

}  // namespace tuff
