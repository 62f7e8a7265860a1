#include "backend/kv/cache_cells.hpp"

#include <algorithm>

#include "backend/arithmetic.hpp"
#include "backend/kv/append.hpp"

namespace tuff {
namespace {

constexpr std::uint64_t kTile = kTilePositions;

}  // namespace

std::uint32_t CacheRegions::cell(std::uint32_t sequence, std::uint64_t token) const {
    if (first_only > 0 && token >= first_only) return kNoCell;
    return sequence * region + u32(ring ? token % region : token);
}

CacheRegions::Spans CacheRegions::spans(std::uint32_t sequence, std::uint64_t begin, std::uint64_t end,
                                        std::uint64_t query) const {
    Spans spans;
    spans.first = {0, sequence * region, 0, u32(query)};
    spans.second = spans.first;
    if (begin >= end) return spans;
    const std::uint64_t at = ring ? begin % region : begin, count = end - begin;
    const std::uint64_t before_end = ring ? std::min(count, region - at) : count;
    spans.first = {u32(before_end), u32(sequence * region + at), u32(begin), u32(query)};
    spans.second = {u32(count - before_end), sequence * region, u32(begin + before_end), u32(query)};
    return spans;
}

CacheDivision divide_cache(std::uint64_t query, std::uint64_t end, std::uint64_t window, std::uint64_t sinks,
                           std::uint64_t recent) {
    const auto down = [](std::uint64_t value) { return value / kTile * kTile; };
    CacheDivision division;
    if (window > 0 && query + 1 > window) division.body_begin = down(query + 1 - window);
    if (window == 0) division.sinks_end = std::min(sinks, end);
    division.body_begin = std::max(division.body_begin, window == 0 ? sinks : 0);
    division.recent_begin = end;
    if (recent > 0)
        division.recent_begin = std::max(division.body_begin, down(query > recent ? query - recent : 0));
    return division;
}

}  // namespace tuff
