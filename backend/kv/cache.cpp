#include "backend/kv/cache.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "host/transfer.hpp"

namespace tuff {
namespace {

// Bytes that an allocation of one side of one layer could still get.
std::uint64_t free_bytes(const host::Device& device) {
    std::uint64_t most = 0;
    for (const host::HeapUse& heap : device.heap_use()) most = std::max(most, heap.free_bytes);
    return most;
}

template <class T>
Result<void> upload(host::Device& device, host::Buffer& buffer, std::span<const T> values) {
    return host::upload(device, buffer, 0, std::as_bytes(values));
}

}  // namespace

Result<KvCache> KvCache::make(host::Device& device, CacheKind kind, std::span<const CacheLayer> layers,
                              const CacheOptions& options) {
    KvCache cache;
    cache.device_ = &device;
    cache.kind_ = kind;
    cache.options_ = options;
    TUFF_TRY(size, cache_size_within(layers, options, free_bytes(device)));
    cache.size_ = size;
    cache.sequences_.resize(options.sequences);
    TUFF_CHECK(cache.allocate());
    return cache;
}

Result<void> KvCache::allocate_group(const CacheLayerSize& first) {
    Group& group = groups_.emplace_back();
    group.window = first.window;
    for (std::size_t part = 0; part < first.parts(); part++) {
        const auto region = static_cast<std::uint32_t>(first.cells[part] / options_.sequences);
        group.parts.push_back({region, options_.sequences, part == 1 ? region : 0, first.ring(part)});
        TUFF_TRY(cells, device_->allocate(host::Intent::cache, size_.tables.cells, "batch cells"));
        TUFF_TRY(spans, device_->allocate(host::Intent::cache, size_.tables.spans, "cache spans"));
        group.cells.push_back(std::move(cells));
        group.spans.push_back(std::move(spans));
        group.from.emplace_back(options_.sequences, 0);
    }
    return {};
}

Result<void> KvCache::allocate() {
    TUFF_TRY(positions, device_->allocate(host::Intent::cache, size_.tables.positions, "batch positions"));
    positions_buffer_ = std::move(positions);
    for (const CacheLayerSize& layer : size_.layers) {
        if (layer.group == groups_.size()) TUFF_CHECK(allocate_group(layer));
        Layer& made = layers_.emplace_back();
        made.kv_heads = layer.kv_heads;
        made.group = layer.group;
        const std::size_t parts = layer.parts();
        // K of which V is a part lies as V does.
        const CacheSide k_side = layer.v.format == nullptr ? CacheSide::v : CacheSide::k;
        for (const auto& [from, to, side] :
             {std::tuple(&layer.k, &made.k, k_side), std::tuple(&layer.v, &made.v, CacheSide::v)}) {
            if (from->format == nullptr) continue;
            to->format = from->format;
            to->rotation = from->rotation;
            to->head_dim = from->head_dim;
            for (std::size_t part = 0; part < parts; part++) {
                TUFF_TRY(layout,
                         CacheLayout::make(kind_, side, part_format(*to->format, part).row(from->head_dim),
                                           layer.kv_heads, layer.cells[part]));
                TUFF_TRY(buffer, device_->allocate(host::Intent::cache, layout.bytes(), "KV cache"));
                // Attention reads whole tiles: what is not filled must be numbers.
                TUFF_CHECK(host::fill(*device_, buffer, 0, buffer.size(), 0));
                to->layouts.push_back(layout);
                to->buffers.push_back(std::move(buffer));
            }
        }
    }
    return {};
}

std::uint64_t KvCache::device_bytes() const {
    std::uint64_t sum = host::allocated_bytes(positions_buffer_.size());
    const auto add = [&](const std::vector<host::Buffer>& buffers) {
        for (const host::Buffer& buffer : buffers) sum += host::allocated_bytes(buffer.size());
    };
    for (const Group& group : groups_) {
        add(group.cells);
        add(group.spans);
    }
    for (const Layer& layer : layers_) {
        add(layer.k.buffers);
        add(layer.v.buffers);
    }
    return sum;
}

std::span<const std::int32_t> KvCache::positions(std::uint32_t sequence) const {
    if (sequence >= sequences_.size()) return {};
    return sequences_[sequence];
}

Result<void> KvCache::check_sequence(std::uint32_t sequence) const {
    if (sequence < sequences_.size()) return {};
    return fail(ErrorCode::usage, "sequence {} of a KV cache of {}", sequence, sequences_.size());
}

std::uint64_t KvCache::room(std::uint32_t sequence) const {
    if (sequence >= sequences_.size()) return 0;
    return options_.share() - std::min<std::uint64_t>(options_.share(), sequences_[sequence].size());
}

KvCache::Held KvCache::held(const Group& group, std::size_t part, std::uint32_t sequence) const {
    const CacheRegions& regions = group.parts[part];
    const std::uint64_t length = sequences_[sequence].size();
    if (regions.first_only > 0) return {0, std::min<std::uint64_t>(length, regions.first_only)};
    if (!regions.ring) return {0, length};
    return {std::max(group.from[part][sequence], length - std::min<std::uint64_t>(length, regions.region)),
            length};
}

Result<void> KvCache::begin(std::span<const CacheBatch> batch) {
    std::uint64_t tokens = 0;
    for (std::size_t i = 0; i < batch.size(); i++) {
        TUFF_CHECK(check_sequence(batch[i].sequence));
        for (std::size_t j = 0; j < i; j++)
            if (batch[j].sequence == batch[i].sequence)
                return fail(ErrorCode::usage, "sequence {} is in a batch twice", batch[i].sequence);
        if (batch[i].tokens > room(batch[i].sequence))
            return fail(ErrorCode::usage,
                        "{} tokens after {} positions of sequence {} are beyond the capacity: {} more fit",
                        batch[i].tokens, sequences_[batch[i].sequence].size(), batch[i].sequence,
                        room(batch[i].sequence));
        const std::vector<std::int32_t>& before = sequences_[batch[i].sequence];
        constexpr std::int64_t kLast = std::numeric_limits<std::int32_t>::max();
        if (!before.empty() && batch[i].tokens > kLast - before.back())
            return fail(ErrorCode::usage, "{} tokens after position {} of sequence {} are beyond position {}",
                        batch[i].tokens, before.back(), batch[i].sequence, kLast);
        tokens += batch[i].tokens;
    }
    if (tokens == 0 || tokens > options_.batch)
        return fail(ErrorCode::usage, "a batch of {} tokens; this KV cache takes 1 to {}", tokens,
                    options_.batch);
    TUFF_CHECK(upload_batch(batch));
    for (const CacheBatch& one : batch) {
        std::vector<std::int32_t>& sequence = sequences_[one.sequence];
        for (std::uint32_t i = 0; i < one.tokens; i++)
            sequence.push_back(sequence.empty() ? 0 : sequence.back() + 1);
        for (Group& group : groups_)
            for (std::size_t part = 0; part < group.parts.size(); part++)
                group.from[part][one.sequence] = held(group, part, one.sequence).begin;
    }
    return {};
}

Result<void> KvCache::upload_batch(std::span<const CacheBatch> batch) {
    std::vector<std::int32_t> positions;
    for (const CacheBatch& one : batch) {
        const std::vector<std::int32_t>& sequence = sequences_[one.sequence];
        const std::int32_t next = sequence.empty() ? 0 : sequence.back() + 1;
        for (std::uint32_t i = 0; i < one.tokens; i++)
            positions.push_back(next + static_cast<std::int32_t>(i));
    }
    TUFF_CHECK(upload<std::int32_t>(*device_, positions_buffer_, positions));
    for (Group& group : groups_)
        for (std::size_t part = 0; part < group.parts.size(); part++) {
            const CacheRegions& regions = group.parts[part];
            std::vector<std::uint32_t> cells;
            std::vector<CacheSpan> first, second;
            for (const CacheBatch& one : batch) {
                const std::uint64_t query = sequences_[one.sequence].size(), end = query + one.tokens;
                for (std::uint64_t token = query; token < end; token++)
                    cells.push_back(regions.cell(one.sequence, token));
                const bool apart = group.parts.size() > 1;
                CacheDivision division =
                    divide_cache(query, end, group.window, apart ? group.parts[1].region : 0,
                                 apart ? std::max<std::uint64_t>(options_.recent, kTilePositions) : 0);
                // A ring from which tokens were removed may not reach back so far; the body does.
                if (apart)
                    division.recent_begin = std::max(division.recent_begin,
                                                     round_up(group.from[2][one.sequence], kTilePositions));
                const std::uint64_t body_end = std::min(division.recent_begin, end);
                const CacheRegions::Spans spans =
                    part == 0   ? regions.spans(one.sequence, division.body_begin, body_end, query)
                    : part == 1 ? regions.spans(one.sequence, 0, division.sinks_end, query)
                                : regions.spans(one.sequence, division.recent_begin, end, query);
                first.push_back(spans.first);
                second.push_back(spans.second);
            }
            TUFF_CHECK(upload<std::uint32_t>(*device_, group.cells[part], cells));
            TUFF_CHECK(upload<CacheSpan>(*device_, group.spans[part], first));
            TUFF_CHECK(host::upload(*device_, group.spans[part], options_.sequences * sizeof(CacheSpan),
                                    std::as_bytes(std::span(second))));
        }
    return {};
}

Result<void> KvCache::record_append(host::Stream& stream, std::uint32_t layer, const HeadRows& k,
                                    const HeadRows& v, const RopeOperands& rope) {
    if (layer >= layers_.size())
        return fail(ErrorCode::usage, "layer {} of a KV cache of {}", layer, layers_.size());
    Layer& target = layers_[layer];
    RopeOperands turning = rope;
    turning.positions = batch_positions();
    for (std::size_t part = 0; part < groups_[target.group].parts.size(); part++)
        for (const auto& [side, rows, with] :
             {std::tuple(&target.k, &k, turning), std::tuple(&target.v, &v, RopeOperands{})}) {
            if (side->format == nullptr) continue;
            TUFF_CHECK(record_kv_append(
                stream, *device_, *rows, with, side->rotation,
                {&part_format(*side->format, part), &side->layouts[part], {&side->buffers[part], 0}},
                {&groups_[target.group].cells[part], 0}));
        }
    return {};
}

std::vector<CacheSegment> KvCache::segments(std::uint32_t layer) const {
    std::vector<CacheSegment> segments;
    if (layer >= layers_.size()) return segments;
    const Layer& from = layers_[layer];
    const Group& group = groups_[from.group];
    for (std::size_t part = 0; part < group.parts.size(); part++)
        for (std::size_t span = 0; span < (group.parts[part].ring ? kCacheSpans : 1); span++) {
            CacheSegment& segment = segments.emplace_back();
            segment.k_format = &part_format(*from.k.format, part);
            segment.k = {&from.k.buffers[part], 0};
            if (from.v.format != nullptr) {
                segment.v_format = &part_format(*from.v.format, part);
                segment.v = {&from.v.buffers[part], 0};
            }
            segment.spans = {&group.spans[part], span * options_.sequences * sizeof(CacheSpan)};
            segment.capacity = from.k.layouts[part].capacity();
            segment.cells = group.parts[part].region;
        }
    return segments;
}

}  // namespace tuff
