// Editing what is in a cache, through host memory.
#include <algorithm>
#include <limits>
#include <utility>

#include "backend/kv/cache.hpp"
#include "backend/kv/cache_image.hpp"
#include "backend/kv/row_codec.hpp"

namespace tuff {
namespace {

// Where the tokens from `from` on still are once [first, end) are gone.
std::uint64_t kept_from(std::uint64_t from, std::uint64_t first, std::uint64_t end) {
    return from <= first ? from : from < end ? first : from - (end - first);
}

// An encoded row of K, turned by so many positions more.
void turn_row(const CacheFormat& format, Rotation rotation, const Rope& rope, std::int32_t delta,
              std::span<float> head, std::span<std::byte> row) {
    decode_row(format, row, head);
    unrotate(rotation, head);
    rope.apply(delta, head);
    rotate(rotation, head);
    encode_row(format, head, row);
}

}  // namespace

// Tokens [source, source + count) of one sequence become those from `target` on of another, or of the same.
struct KvCache::Move {
    std::uint32_t from = 0, to = 0;
    std::uint64_t source = 0, target = 0, count = 0;
    std::uint64_t length = 0;  // of the target sequence afterwards
    std::int32_t delta = 0;
    std::span<const Rope* const> ropes = {};  // with a delta: of each layer
};

Result<void> KvCache::move_rows(const Layer& layer, Side& side, const Move& move, const Rope* rope) {
    const Group& group = groups_[layer.group];
    std::vector<CacheImage> images;
    for (std::size_t part = 0; part < group.parts.size(); part++) {
        TUFF_TRY(image, CacheImage::read(*device_, side.layouts[part], side.buffers[part]));
        images.push_back(std::move(image));
    }
    struct Placed {
        std::size_t part;
        std::uint32_t head, cell;
        std::vector<std::byte> row;
    };
    std::vector<Placed> placed;  // everything is read before anything is written
    std::vector<float> head(side.head_dim);
    for (std::size_t part = 0; part < group.parts.size(); part++)
        for (std::uint64_t i = 0; i < move.count; i++) {
            const CacheRegions& regions = group.parts[part];
            const std::uint64_t old = move.source + i, token = move.target + i;
            const std::uint32_t cell = regions.cell(move.to, token);
            if (cell == kNoCell || (regions.ring && token + regions.region < move.length)) continue;
            const Held held_here = held(group, part, move.from);
            const bool here = held_here.begin <= old && old < held_here.end;
            // What becomes one of the first tokens may so far be in the body alone.
            if (!here && part != 1) continue;
            const std::size_t source = here ? part : 0;
            const CacheFormat &was = part_format(*side.format, source), &is = part_format(*side.format, part);
            for (std::uint32_t h = 0; h < layer.kv_heads; h++) {
                std::vector<std::byte> row = images[source].row(h, group.parts[source].cell(move.from, old));
                if (rope != nullptr) turn_row(was, side.rotation, *rope, move.delta, head, row);
                if (&was != &is) {
                    decode_row(was, row, head);
                    row.resize(is.row_bytes(side.head_dim));
                    encode_row(is, head, row);
                }
                placed.push_back({part, h, cell, std::move(row)});
            }
        }
    for (const Placed& one : placed) images[one.part].put(one.head, one.cell, one.row);
    for (std::size_t part = 0; part < group.parts.size(); part++)
        TUFF_CHECK(images[part].write(*device_, side.buffers[part]));
    return {};
}

Result<void> KvCache::apply(const Move& move) {
    const Result<void> moved = move_layers(move);
    if (!moved) clear(move.to);
    return moved;
}

Result<void> KvCache::move_layers(const Move& move) {
    for (std::size_t i = 0; i < layers_.size() && move.count > 0; i++) {
        Layer& layer = layers_[i];
        const Rope* rope = move.ropes.empty() ? nullptr : move.ropes[i];
        const bool turns_only = !move.ropes.empty();
        if (layer.k.format != nullptr && (rope != nullptr || !turns_only))
            TUFF_CHECK(move_rows(layer, layer.k, move, rope));
        if (layer.v.format != nullptr && !turns_only) TUFF_CHECK(move_rows(layer, layer.v, move, nullptr));
    }
    return {};
}

Result<void> KvCache::remove(std::uint32_t sequence, std::int32_t first, std::int32_t end) {
    TUFF_CHECK(check_sequence(sequence));
    std::vector<std::int32_t>& tokens = sequences_[sequence];
    const auto begin_at = std::ranges::lower_bound(tokens, first),
               end_at = std::ranges::lower_bound(tokens, std::max(first, end));
    const auto begin = static_cast<std::uint64_t>(begin_at - tokens.begin()),
               stop = static_cast<std::uint64_t>(end_at - tokens.begin());
    const std::uint64_t length = tokens.size() - (stop - begin);
    for (const Group& group : groups_) {
        if (group.window == 0 || group.parts.empty()) continue;
        const std::uint64_t from = std::min(kept_from(group.from[0][sequence], begin, stop), length);
        if (length > 0 && from > 0 && length - from < std::min(group.window, length))
            return fail(
                ErrorCode::usage,
                "without positions {} to {}, sequence {} would lack a part of a sliding window of {}: "
                "earlier ones are gone; remove all of them",
                first, end, sequence, group.window);
    }
    TUFF_CHECK(apply({sequence, sequence, stop, begin, tokens.size() - stop, length}));
    for (Group& group : groups_)
        for (std::vector<std::uint64_t>& from : group.from)
            from[sequence] = std::min(kept_from(from[sequence], begin, stop), length);
    tokens.erase(begin_at, end_at);
    return {};
}

Result<void> KvCache::copy(std::uint32_t from, std::uint32_t to) {
    TUFF_CHECK(check_sequence(from));
    TUFF_CHECK(check_sequence(to));
    if (from == to) return {};
    const std::uint64_t length = sequences_[from].size();
    TUFF_CHECK(apply({from, to, 0, 0, length, length}));
    sequences_[to] = sequences_[from];
    for (Group& group : groups_)
        for (std::vector<std::uint64_t>& begin : group.from) begin[to] = begin[from];
    return {};
}

Result<void> KvCache::shift(std::uint32_t sequence, std::int32_t first, std::int32_t end, std::int32_t delta,
                            std::span<const Rope* const> ropes) {
    TUFF_CHECK(check_sequence(sequence));
    if (ropes.size() != layers_.size())
        return fail(ErrorCode::usage, "{} ropes for a KV cache of {} layers", ropes.size(), layers_.size());
    std::vector<std::int32_t>& tokens = sequences_[sequence];
    const auto begin_at = std::ranges::lower_bound(tokens, first),
               end_at = std::ranges::lower_bound(tokens, std::max(first, end));
    if (begin_at == end_at || delta == 0) return {};
    const std::int64_t lowest = std::int64_t{*begin_at} + delta,
                       highest = std::int64_t{*(end_at - 1)} + delta;
    if (lowest < 0 || highest > std::numeric_limits<std::int32_t>::max() ||
        (begin_at != tokens.begin() && lowest <= *(begin_at - 1)) ||
        (end_at != tokens.end() && highest >= *end_at))
        return fail(ErrorCode::usage,
                    "positions {} to {} of sequence {}, moved by {}, would pass others, 0 or {}", first, end,
                    sequence, delta, std::numeric_limits<std::int32_t>::max());
    const auto begin = static_cast<std::uint64_t>(begin_at - tokens.begin());
    TUFF_CHECK(apply({sequence, sequence, begin, begin, static_cast<std::uint64_t>(end_at - begin_at),
                      tokens.size(), delta, ropes}));
    for (auto at = begin_at; at != end_at; ++at) *at += delta;
    return {};
}

void KvCache::clear(std::uint32_t sequence) {
    if (sequence >= sequences_.size()) return;
    sequences_[sequence].clear();
    for (Group& group : groups_)
        for (std::vector<std::uint64_t>& from : group.from) from[sequence] = 0;
}

}  // namespace tuff
