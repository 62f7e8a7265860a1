// Which cells of a cache a sequence's tokens have. Every sequence has a region of its own in each part of the
// cache, in which token i of the sequence lies in cell i, or where the part keeps only the last tokens in
// cell i modulo the region's size. The cells that attention reads are then one or two spans, never a list.
#pragma once

#include <cstdint>

namespace tuff {

// Consecutive cells of consecutive tokens, as attention's kernels read it from device memory. In a cache
// positions count tokens of the sequence: where ranges were removed and not shifted, fewer than rotary
// positions do.
struct CacheSpan {
    std::uint32_t cells = 0;           // filled, from first_cell on
    std::uint32_t first_cell = 0;      // a multiple of 8 in a CacheLayout
    std::uint32_t first_position = 0;  // of the first cell; the others follow
    std::uint32_t query_position = 0;  // of the sequence's first query; the others follow
    friend bool operator==(const CacheSpan&, const CacheSpan&) = default;
};

// The most positions that a window can have: kernels count them in int32.
inline constexpr std::uint64_t kMaxWindow = (std::uint64_t{1} << 31) - 1;

// The regions of one part: `sequences` of `region` cells each, a multiple of 8.
struct CacheRegions {
    std::uint32_t region = 0;
    std::uint32_t sequences = 1;
    std::uint32_t first_only = 0;  // keeps only tokens before this one, a multiple of 8; 0: all
    bool ring = false;             // keeps the last `region` tokens

    // The cell of a token of a sequence, or kNoCell.
    [[nodiscard]] std::uint32_t cell(std::uint32_t sequence, std::uint64_t token) const;
    // Tokens [begin, end) of a sequence, in the cells they have: one span, and a second where a ring goes
    // round. `begin` is a multiple of 8 or not below `end`.
    struct Spans {
        CacheSpan first, second;
    };
    [[nodiscard]] Spans spans(std::uint32_t sequence, std::uint64_t begin, std::uint64_t end,
                              std::uint64_t query) const;
};

// How attention divides the tokens of a sequence among parts: the first `sinks_end` from the sinks, up to
// `recent_begin` from the body (from `body_begin` on, where a window has passed), the rest from the recent
// part. Spans begin at multiples of 8; an end, of sinks or of all tokens, need not be one.
struct CacheDivision {
    std::uint64_t sinks_end = 0, body_begin = 0, recent_begin = 0;
};

// For tokens [query, end) appended last, to a layer with a window (0: none), with so many sinks and recent
// tokens kept apart (0: none; sinks a multiple of 8).
[[nodiscard]] CacheDivision divide_cache(std::uint64_t query, std::uint64_t end, std::uint64_t window,
                                         std::uint64_t sinks, std::uint64_t recent);

}  // namespace tuff
