#include "backend/attention/cached_attention.hpp"

#include <utility>

#include "backend/arithmetic.hpp"

namespace tuff {
namespace {

// Queries go through a kernel of their own where they are turned, rotated or widened.
bool turns(const CachedAttentionPlan& plan, const CachedAttentionOperands& operands) {
    return operands.rope.rope != nullptr || operands.q.half || plan.k_rotation != Rotation::none;
}

AttentionQueries strided(const HeadRows& q, std::uint32_t tokens) {
    AttentionQueries out{q.at, q.token_bytes / sizeof(float), q.head_bytes / sizeof(float), 0};
    out.sequence_stride = tokens * out.token_stride;
    return out;
}

}  // namespace

std::vector<AttentionSegment> attention_segments(const CacheLayerSize& layer, std::uint64_t sequences) {
    std::vector<AttentionSegment> segments;
    for (std::size_t part = 0; part < layer.parts(); part++) {
        AttentionSegment segment;
        const bool shared = layer.v.format == nullptr;
        segment.k_format = &part_format(*layer.k.format, part);
        segment.v_format = shared ? segment.k_format : &part_format(*layer.v.format, part);
        segment.place = shared ? CachePlace::shared : CachePlace::layout;
        segment.cells = layer.cells[part] / sequences;
        segments.insert(segments.end(), layer.ring(part) ? kCacheSpans : 1, segment);
    }
    return segments;
}

Result<CachedAttentionPlan> plan_cached_attention(const host::DeviceSnapshot& device, const KvCache& cache,
                                                  std::uint32_t layer, const CachedQueries& queries,
                                                  AttentionVariant variant) {
    const std::vector<CacheLayerSize>& layers = cache.size().layers;
    if (layer >= layers.size() || layers[layer].parts() == 0)
        return fail(ErrorCode::usage, "layer {} keeps nothing in a KV cache of {} layers", layer,
                    layers.size());
    TUFF_TRY(plan,
             plan_cached_attention(device, cache.kind(), layers[layer], cache.sequences(), queries, variant));
    plan.layer = layer;
    return std::move(plan);
}

Result<CachedAttentionPlan> plan_cached_attention(const host::DeviceSnapshot& device, CacheKind kind,
                                                  const CacheLayerSize& kept, std::uint64_t sequences,
                                                  const CachedQueries& queries, AttentionVariant variant) {
    if (variant.mask != GivenMask::none)
        return fail(
            ErrorCode::usage,
            "a given mask is by cells, which a KV cache chooses: its mask is causal, with the window");
    if (std::uint64_t{queries.first_sequence} + queries.sequences > sequences)
        return fail(ErrorCode::usage, "{} sequences of a batch from {} on; the KV cache has {}",
                    queries.sequences, queries.first_sequence, sequences);
    if (kept.window > kMaxWindow)
        return fail(ErrorCode::usage, "a window of {} positions; the limit is {}", kept.window, kMaxWindow);
    const bool shared = kept.v.format == nullptr;
    if (shared && kept.k.rotation == Rotation::signed_hadamard)
        return fail(ErrorCode::unsupported,
                    "V is a view of K, and a rotation of K with signs cannot be undone on it");
    CachedAttentionPlan plan;
    plan.queries = queries;
    plan.k_rotation = kept.k.rotation;
    plan.v_rotation = shared ? kept.k.rotation : kept.v.rotation;
    variant.causal = true;
    variant.window = u32(kept.window);
    const AttentionShape shape{queries.sequences, queries.tokens,  queries.heads,
                               kept.kv_heads,     kept.k.head_dim, shared ? queries.v_head : kept.v.head_dim};
    TUFF_TRY(attention, plan_attention(device, kind, shape, variant, attention_segments(kept, sequences)));
    plan.attention = std::move(attention);
    plan.turned_offset = round_up(plan.attention.scratch_bytes, kScratchAlignment);
    plan.scratch_bytes = plan.turned_offset + std::uint64_t{queries.sequences} * queries.tokens *
                                                  queries.heads * kept.k.head_dim * sizeof(float);
    return plan;
}

Result<void> record_cached_attention(host::Stream& stream, host::Device& device, const KvCache& cache,
                                     const CachedAttentionPlan& plan,
                                     const CachedAttentionOperands& operands) {
    const CachedQueries& what = plan.queries;
    const AttentionShape& shape = plan.attention.shape;
    HeadRows q = operands.q.dense();
    if (q.tokens != what.sequences * what.tokens || q.heads != what.heads || q.head_dim != shape.k_head)
        return fail(ErrorCode::usage, "{} queries of {} heads of {}, for a plan of {} of {} of {}", q.tokens,
                    q.heads, q.head_dim, what.sequences * what.tokens, what.heads, shape.k_head);
    if (turns(plan, operands)) {
        RopeOperands rope = operands.rope;
        rope.positions = cache.batch_positions();
        rope.positions.offset += what.first_token * sizeof(std::int32_t);
        HeadRows turned{{operands.scratch.buffer, operands.scratch.offset + plan.turned_offset},
                        false,
                        q.tokens,
                        q.heads,
                        q.head_dim};
        TUFF_CHECK(
            record_rotate_heads(stream, device, cache.kind(), q, rope, plan.k_rotation, false, turned));
        q = turned.dense();
    }
    std::vector<AttentionCells> cells;
    for (const CacheSegment& segment : cache.segments(plan.layer)) {
        AttentionCells& one = cells.emplace_back();
        one.k = segment.k;
        one.v = segment.v;
        one.capacity = segment.capacity;
        one.spans = segment.spans;
        one.spans.offset += what.first_sequence * sizeof(CacheSpan);
    }
    AttentionOperands attention;
    attention.q = strided(q, what.tokens);
    attention.segments = cells;
    attention.slopes = operands.slopes;
    attention.sinks = operands.sinks;
    attention.y = operands.y;
    attention.scratch = operands.scratch;
    TUFF_CHECK(record_attention(stream, device, plan.attention, attention));
    if (plan.v_rotation == Rotation::none) return {};
    const HeadRows y{operands.y, false, q.tokens, q.heads, shape.v_head};
    const std::uint32_t rotated =
        plan.attention.parts.front().segment.place == CachePlace::shared ? shape.k_head : shape.v_head;
    const HeadRows blocks = hadamard_blocks(y, rotated);
    return record_rotate_heads(stream, device, cache.kind(), blocks, {}, plan.v_rotation, true, blocks);
}

}  // namespace tuff
