// The tensors a GGUF file of a model has, from what its config.json says. Names, shapes and order are those
// of llama.cpp's converter.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/model/model.hpp"

namespace tuff {

enum class LayerKind : std::uint8_t { full, sliding, linear };

// Multi-head latent attention of DeepSeek: kv_rank 0 where a model has none.
struct LatentAttention {
    std::uint64_t kv_rank = 0;
    std::uint64_t q_rank = 0;                                    // 0: queries are projected in one step
    std::uint64_t nope_size = 0, rope_size = 0, value_size = 0;  // of one head
};

// Gated delta-rule attention of Qwen3-Next, which keeps a state instead of a cache.
struct LinearAttention {
    std::uint64_t key_heads = 0, value_heads = 0, key_size = 0, value_size = 0, kernel = 0;

    [[nodiscard]] std::uint64_t convolved() const {
        return 2 * key_heads * key_size + value_heads * value_size;
    }
    // The last inputs of the convolution, and a matrix for each value head.
    [[nodiscard]] std::uint64_t state_floats() const {
        return (kernel - 1) * convolved() + value_heads * key_size * value_size;
    }
};

struct ConfigDetails {
    std::vector<LayerKind> kinds;   // of each layer
    std::vector<bool> has_experts;  // of each layer
    std::uint64_t head_size = 0;
    std::uint64_t window = 0;  // of sliding layers
    std::uint64_t feed_forward = 0;
    std::uint64_t experts = 0, experts_used = 0;
    std::uint64_t expert_feed_forward = 0;
    std::uint64_t shared_feed_forward = 0;  // of the expert every token uses; 0: none
    std::uint64_t rope_freqs = 0;           // factors of rotation frequencies; 0: none
    std::uint64_t rope_factors = 0;         // of each of two sets of them (long, short); 0: none
    bool qkv_bias = false;
    bool output_bias = false;
    bool feed_forward_bias = false;
    bool qk_norms = false;        // of every head of queries and keys
    bool norms_after = false;     // also after attention and feed-forward
    bool fused = false;           // queries, keys and values are one matrix, gate and up another
    bool gated_queries = false;   // twice as many rows of them: the half gates the result
    bool sinks = false;           // a logit of every head for attending to nothing
    bool expert_bias = false;     // of every matrix of the experts, and of the router
    bool selection_bias = false;  // of the router, for choosing only
    bool gated_shared_expert = false;
    LatentAttention latent;
    LinearAttention linear;
};

[[nodiscard]] std::vector<ModelTensor> config_tensors(const Hyperparameters& shape,
                                                      const ConfigDetails& details);

}  // namespace tuff
