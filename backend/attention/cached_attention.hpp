// Attention of a layer over a KvCache: Q turned and rotated as the cache's K was, one softmax over all parts
// of the cache, and V's rotation undone on the result.
//
//   KvCache::begin(batch)                        positions, cells and spans of the batch, in device memory
//   KvCache::record_append(stream, layer, k, v)  its rows of K and V
//   record_cached_attention(stream, ...)         its queries
//
// A stream that was recorded with the last two serves every batch of the same shape.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <vector>

#include "backend/attention/attention.hpp"
#include "backend/kv/cache.hpp"

namespace tuff {

// Which queries of a batch: those of consecutive sequences, as many tokens of each.
struct CachedQueries {
    std::uint32_t first_sequence = 0;  // in the batch's order
    std::uint32_t first_token = 0;     // tokens of the batch before it
    std::uint32_t sequences = 1;
    std::uint32_t tokens = 1;  // of each sequence
    std::uint32_t heads = 1;
    std::uint32_t v_head = 0;  // values of a result where V is a view of K; otherwise 0
};

struct CachedAttentionPlan {
    std::uint32_t layer = 0;
    CachedQueries queries;
    AttentionPlan attention;
    Rotation k_rotation{}, v_rotation{};
    std::uint64_t turned_offset = 0;  // of turned queries, bytes into the scratch
    std::uint64_t scratch_bytes = 0;
};

struct CachedAttentionOperands {
    HeadRows q;             // sequences * tokens rows of each head
    RopeOperands rope;      // of Q and K; its positions are the batch's
    Operand slopes, sinks;  // as AttentionOperands'
    Operand y;              // f32 [sequence][token][head][v_head], dense
    Operand scratch;        // plan.scratch_bytes, at a multiple of kScratchAlignment
};

// Segments of a layer's cache as KvCache::segments gives them, before there is one. `sequences`: those that
// the layer was sized for.
[[nodiscard]] std::vector<AttentionSegment> attention_segments(const CacheLayerSize& layer,
                                                               std::uint64_t sequences);

// `variant` says what happens to logits; causal and window are the cache's. `usage`: no such layer, or one
// that keeps nothing; sequences beyond those of the cache; a given mask, which would have to follow the
// cache's cells; and plan_attention's. `unsupported`: V is a view of K that was rotated with signs, and
// plan_attention's.
Result<CachedAttentionPlan> plan_cached_attention(const host::DeviceSnapshot& device, const KvCache& cache,
                                                  std::uint32_t layer, const CachedQueries& queries,
                                                  AttentionVariant variant);
// The same for a layer of a cache that is still to be made.
Result<CachedAttentionPlan> plan_cached_attention(const host::DeviceSnapshot& device, CacheKind kind,
                                                  const CacheLayerSize& kept, std::uint64_t sequences,
                                                  const CachedQueries& queries, AttentionVariant variant);

// Appends to `stream`; y and scratch are written. The errors of record_rotate_heads and record_attention.
Result<void> record_cached_attention(host::Stream& stream, host::Device& device, const KvCache& cache,
                                     const CachedAttentionPlan& plan,
                                     const CachedAttentionOperands& operands);

}  // namespace tuff
