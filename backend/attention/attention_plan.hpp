// How attention runs on a device: which kernels, in which tiles, in how many splits, with how much scratch. A
// pure function of the device's snapshot and the problem, so it is tested without a device.
//
//   y[s][t][h] = sum_c p[c] V[c],  p = softmax over the cells c that the row sees of variant(scale Q[s][t][h]
//   K[c])
//
// for sequences s, tokens t and heads h; head h reads KV head h / (heads / kv heads). Online softmax (Milakov
// and Gimelshein, arXiv 1805.02867) in tiles (Dao, arXiv 2307.08691), split over the cells where rows are
// few, everything accumulated in float32.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/attention/cache_layout.hpp"
#include "backend/kv/cache_cells.hpp"
#include "backend/kv/cache_format.hpp"
#include "host/snapshot.hpp"

namespace tuff {

struct AttentionShape {
    std::uint32_t sequences = 1;
    std::uint32_t tokens = 1;  // queries of each sequence
    std::uint32_t heads = 1;
    std::uint32_t kv_heads = 1;  // divides `heads`
    std::uint32_t k_head = 0;    // values of a row of Q and K
    std::uint32_t v_head = 0;    // values of a row of V and of the result

    [[nodiscard]] std::uint32_t group() const { return heads / kv_heads; }
    [[nodiscard]] std::uint32_t rows() const { return tokens * group(); }  // of a KV head
    friend bool operator==(const AttentionShape&, const AttentionShape&) = default;
};

enum class GivenMask : std::uint32_t { none = 0, f16 = 1, f32 = 2 };

// What happens to a logit. A row sees a cell when no enabled mask hides it; a row that sees nothing gives
// zeros.
struct AttentionVariant {
    float scale = 1;      // of the dot product
    bool causal = false;  // cells at positions up to the query's own
    // Cells less than so many positions before the query's; 0: all. At most kMaxWindow.
    std::uint32_t window = 0;
    GivenMask mask =
        GivenMask::none;  // added to the logit (times the head's slope with `alibi`); -infinity hides
    float softcap = 0;    // logit = softcap * tanh(logit / softcap); 0: none
    bool alibi =
        false;  // logit += slope[head] * (cell's position - query's), arXiv 2108.12409; see alibi_slopes
    bool sinks = false;  // each head has a logit without a value, in the softmax of every row
    friend bool operator==(const AttentionVariant&, const AttentionVariant&) = default;
};

// ALiBi's slopes as ggml computes them from `max_bias`; 8 gives those of the paper.
[[nodiscard]] std::vector<float> alibi_slopes(std::uint32_t heads, float max_bias);

// Where K and V of a segment lie.
enum class CachePlace {
    layout,  // a CacheLayout each, of the plan's kind, K's on side k, V's on side v
    blocks,  // StridedRows of GGUF blocks or plain numbers each; not for own formats
    shared,  // one CacheLayout on side v with rows of k_head values; V is their first v_head values (MLA)
};

// A part of the cache with formats of its own; rows see all segments as one, in one softmax. What a sequence
// has filled of it is a CacheSpan in device memory, so that a recorded stream serves every step.
struct AttentionSegment {
    const CacheFormat* k_format = nullptr;
    const CacheFormat* v_format = nullptr;  // K's where shared
    CachePlace place = CachePlace::layout;
    std::uint64_t cells = 0;  // of a span, at most: for planning, and the rows of a given mask
};

// Choices that are the plan's unless a caller forces them; 0: the plan's.
struct AttentionTuning {
    std::uint32_t rows = 0;    // of a tile
    std::uint32_t splits = 0;  // of each segment
};

struct AttentionPart {  // one segment's launch
    AttentionSegment segment;
    std::vector<std::uint32_t> specialization;
    std::uint32_t splits = 1;
    std::uint32_t first_slot = 0;
    // Lanes with a given mask: a bit for each tile of cells, in so many 32-bit words for each tile of rows
    // that sees it or not, so many bytes into the scratch.
    std::uint64_t visible_offset = 0;
    std::uint32_t visible_words = 0;
};

struct AttentionPlan {
    CacheKind kind{};
    AttentionShape shape;
    AttentionVariant variant;
    std::uint32_t tile_rows = 1;
    std::uint32_t tiles = 1;  // of rows, of a KV head
    std::uint32_t slots = 1;  // partial results of a row; 1: none, the kernel writes results
    std::vector<AttentionPart> parts;
    // The scratch: packed queries, what a given mask leaves visible, partial results.
    std::uint64_t query_bytes = 0;
    std::uint64_t partial_offset = 0;
    std::uint64_t scratch_bytes = 0;  // everything beyond operands: no copy of the cache is ever made
    // Roundings to float32 on the longest path, for reference::attention_row: of a logit, and of a weighted
    // sum.
    std::uint64_t logit_roundings = 0, sum_roundings = 0;

    [[nodiscard]] bool direct() const { return slots == 1; }
    // "attention_lanes 4 rows 16 splits": for tables.
    [[nodiscard]] std::string describe() const;
};

// The kernel over K and V of a kind.
[[nodiscard]] std::string_view attention_kernel(CacheKind kind);
// The kind of cache and kernels that suits a device.
[[nodiscard]] CacheKind preferred_cache_kind(const host::DeviceSnapshot& device);

// `usage`: an impossible shape, or formats that do not fit it; names the dimension and the limit.
// `unsupported`: the device lacks what this kind's kernel needs.
Result<AttentionPlan> plan_attention(const host::DeviceSnapshot& device, CacheKind kind,
                                     const AttentionShape& shape, const AttentionVariant& variant,
                                     std::span<const AttentionSegment> segments,
                                     const AttentionTuning& tuning = {});

}  // namespace tuff
