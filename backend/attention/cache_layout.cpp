#include "backend/attention/cache_layout.hpp"

#include <cstring>

#include "backend/arithmetic.hpp"

namespace tuff {

std::uint32_t CacheRow::bytes() const {
    std::uint32_t sum = 0;
    for (std::uint32_t p = 0; p < plane_count; p++) sum += planes[p].row_bytes;
    return sum;
}

std::string_view cache_kind_name(CacheKind kind) {
    return kind == CacheKind::lanes ? "lanes" : "wide";
}

Result<CacheLayout> CacheLayout::make(CacheKind kind, CacheSide side, const CacheRow& row,
                                      std::uint32_t kv_heads, std::uint64_t capacity) {
    constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 40;
    if (row.bytes() == 0 || kv_heads == 0 || capacity == 0)
        return fail(ErrorCode::usage, "a cache of {} kv heads, {} positions and {} bytes a row holds nothing",
                    kv_heads, capacity, row.bytes());
    for (std::uint32_t p = 0; p < row.plane_count; p++) {
        const CachePlane& plane = row.planes[p];
        if ((plane.granule != 1 && plane.granule != 2 && plane.granule != 4) ||
            plane.row_bytes % plane.granule != 0)
            return fail(ErrorCode::usage, "a plane of {} bytes a row cannot be cut into granules of {}",
                        plane.row_bytes, plane.granule);
    }
    if (capacity > kMaxBytes / row.bytes() / kv_heads)
        return fail(ErrorCode::usage,
                    "{} positions of {} kv heads of {} bytes are beyond the limit of 2^40 bytes", capacity,
                    kv_heads, row.bytes());

    CacheLayout layout;
    layout.kind_ = kind;
    layout.side_ = side;
    layout.row_ = row;
    layout.kv_heads_ = kv_heads;
    layout.capacity_ = round_up(capacity, kTilePositions);
    std::uint64_t before = 0;  // bytes of a row in earlier planes
    for (std::uint32_t p = 0; p < row.plane_count; p++) {
        const CachePlane& plane = row.planes[p];
        PlacedPlane& placed = layout.placed_[p];
        placed.granule = plane.granule;
        placed.granules = plane.row_bytes / plane.granule;
        if (kind == CacheKind::lanes) {
            placed.begin = before * kTilePositions;
            placed.head_stride = layout.capacity_ * row.bytes();
            placed.tile_stride = std::uint64_t{row.bytes()} * kTilePositions;
            placed.position_stride = side == CacheSide::k ? plane.granule : plane.row_bytes;
            placed.granule_stride = side == CacheSide::k ? plane.granule * kTilePositions : plane.granule;
        } else {
            placed.begin = before * kv_heads * layout.capacity_;
            placed.head_stride = layout.capacity_ * plane.row_bytes;
            placed.tile_stride = std::uint64_t{plane.row_bytes} * kTilePositions;
            placed.position_stride = plane.row_bytes;
            placed.granule_stride = plane.granule;
        }
        before += plane.row_bytes;
    }
    return layout;
}

std::uint64_t CacheLayout::bytes() const {
    return std::uint64_t{row_.bytes()} * kv_heads_ * capacity_;
}

std::uint64_t CacheLayout::at(const PlacedPlane& plane, std::uint32_t kv_head, std::uint64_t position,
                              std::uint32_t granule) const {
    return plane.begin + kv_head * plane.head_stride + position / kTilePositions * plane.tile_stride +
           position % kTilePositions * plane.position_stride + granule * plane.granule_stride;
}

void CacheLayout::pack(std::uint32_t kv_head, std::uint64_t first, std::uint64_t count,
                       std::span<const std::byte> rows, std::span<std::byte> side) const {
    const std::byte* from = rows.data();
    for (std::uint64_t position = first; position < first + count; position++)
        for (const PlacedPlane& plane : planes())
            for (std::uint32_t i = 0; i < plane.granules; i++, from += plane.granule)
                std::memcpy(side.data() + at(plane, kv_head, position, i), from, plane.granule);
}

void CacheLayout::unpack(std::uint32_t kv_head, std::uint64_t first, std::uint64_t count,
                         std::span<const std::byte> side, std::span<std::byte> rows) const {
    std::byte* to = rows.data();
    for (std::uint64_t position = first; position < first + count; position++)
        for (const PlacedPlane& plane : planes())
            for (std::uint32_t i = 0; i < plane.granules; i++, to += plane.granule)
                std::memcpy(to, side.data() + at(plane, kv_head, position, i), plane.granule);
}

}  // namespace tuff
