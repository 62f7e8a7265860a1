// Which attention problems `tuff bench` measures and `tuff verify` checks. No device is needed to tell.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/attention_problem.hpp"

namespace tuff::bench {

struct AttentionSelection {
    // Sizes; 0: the preset's, or those of an 8B model.
    std::uint32_t heads = 0, kv_heads = 0, head_dim = 0, v_head_dim = 0;
    std::vector<std::uint64_t> depth,
        batch;               // cells of the cache, the batch's own included; queries at their end
    std::string kv_k, kv_v;  // names of cache formats; empty: a few, or each as the other side
    std::uint32_t recent = 0, sinks = 0;  // cells kept in f16 at either end
    bool blocks = false;                  // strided GGUF blocks, as ggml's tensors
    std::string rotate;                   // "off" or empty, "on", or "auto": as a cache does by default
    std::string mask;                     // "position" or empty; "f16" or "f32": given, with the same effect

    [[nodiscard]] bool given() const {
        return heads || kv_heads || head_dim || v_head_dim || !depth.empty() || !batch.empty() ||
               !kv_k.empty() || !kv_v.empty() || recent || sinks || blocks || !rotate.empty() ||
               !mask.empty();
    }
};

// Every combination; for each shape the f16 cache first, which the others are compared with. `preset`: a
// model's, or empty. `usage`: unknown names, sizes that do not fit each other.
[[nodiscard]] Result<std::vector<AttentionCase>> select_attention(const AttentionSelection& options,
                                                                  const std::string& preset, CacheKind kind);

// Shapes, variants and formats that provoke mistakes; `quick`: those that find most of them in the least
// time.
[[nodiscard]] std::vector<AttentionCase> verify_attention_cases(CacheKind kind, bool quick);

}  // namespace tuff::bench
