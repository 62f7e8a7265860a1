// What a model is made of, as far as memory and speed depend on it: its layers, and its tensors by the names
// and shapes that GGUF gives them. Read from a GGUF file (gguf_shape.hpp), from a config.json (config.hpp) or
// taken from the well-known ones (presets.hpp).
#pragma once

#include <tuff/result.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/types.hpp"

namespace tuff {

// Beyond these a description is a mistake or an attack; within them no product of them exceeds 63 bits.
namespace model_limits {
inline constexpr std::uint64_t layers = 1024;
inline constexpr std::uint64_t heads = 4096;
inline constexpr std::uint64_t head_size = 65536;
inline constexpr std::uint64_t width = 1 << 22;  // embedding, feed-forward and latent sizes
inline constexpr std::uint64_t experts = 4096;
inline constexpr std::uint64_t vocabulary = 1 << 24;
inline constexpr std::uint64_t positions = 1 << 30;
}  // namespace model_limits

struct LayerShape {
    // Attention; kv_heads 0: the layer has none.
    std::uint64_t heads = 0;
    std::uint64_t kv_heads = 0;
    std::uint64_t key_size = 0;     // of one head, as the cache holds it: of MLA the latent and its positions
    std::uint64_t value_size = 0;   // 0: values are part of the keys (MLA)
    std::uint64_t latent_size = 0;  // MLA: the first numbers of a key, read as the value too; else 0
    std::uint64_t window = 0;       // how many tokens back a position sees, itself included; 0: all
    bool key_bias = false;          // its projection of keys has one
    bool owns_cache = true;         // false: it reads the cache of an earlier layer

    std::uint64_t state_floats = 0;  // of one sequence, whatever its length: what a recurrent layer keeps

    // Experts of which a token uses some; 0: the layer is dense.
    std::uint64_t experts = 0;
    std::uint64_t experts_used = 0;
};

struct Hyperparameters {
    std::string name;          // of the model, or of where it came from; for messages
    std::string architecture;  // GGUF's: "llama", "qwen3moe"
    std::uint64_t embedding = 0;
    std::uint64_t vocabulary = 0;
    std::uint64_t positions = 0;   // the longest context it was made for
    bool tied_embeddings = false;  // the output matrix is the embedding of the input
    std::vector<LayerShape> layers;
    // As a file states them, of the first layer and of the whole model: recipes go by these, whatever the
    // layers are.
    std::uint64_t stated_heads = 0, stated_kv_heads = 0, stated_experts = 0;
};

// Dimensions as GGUF has them: the row length first, 1 from n_dims on.
struct ModelTensor {
    std::string name;
    std::array<std::uint64_t, 4> dims{1, 1, 1, 1};
    std::uint32_t n_dims = 0;
    const TypeInfo* type = nullptr;  // in the file; nullptr where there is no file

    [[nodiscard]] std::uint64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
    [[nodiscard]] std::uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
};

struct Model {
    Hyperparameters shape;
    std::vector<ModelTensor> tensors;  // in the order of a file
    std::vector<std::string> notes;    // what a reader should know: parts that are left out, keys ignored

    [[nodiscard]] std::uint64_t parameters() const;
};

// The layer a tensor belongs to ("blk.7.attn_q.weight": 7); nullopt for those of no layer.
[[nodiscard]] std::optional<std::uint32_t> layer_of(std::string_view tensor);
// Whether it holds the matrices of all experts of a layer, one after the other in its third dimension.
[[nodiscard]] bool is_expert_stack(const ModelTensor& tensor);

// Errors of a shape that no model has, whoever described it: `malformed`, with the key as the source names
// it. Checked here: every layer has heads in whole groups, and uses no more experts than it has.
[[nodiscard]] Result<void> check_shape(const Hyperparameters& shape);

}  // namespace tuff
