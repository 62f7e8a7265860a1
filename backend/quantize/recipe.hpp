// Recipes: which tensor of a model becomes which type. The rules are llama.cpp's (mid-2026), so that files
// made here compare with files made there. Everything is a pure function of names, shapes and a few counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf.hpp"
#include "backend/types.hpp"

namespace tuff {

// The parts of a model that recipes tell apart, by the names of their tensors. Fused attn_qkv and the
// attn_kv_b of latent attention count as attn_v.
enum class Part { attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up, ffn_down, token_embd, other };

// Where a rule holds; n is the number of layers.
enum class When {
    always,
    first_sixteenth,  // layer < n / 16
    first_eighth,     // layer < n / 8
    middle,           // n / 8 <= layer < 7 n / 8
    more_bits,        // the first and the last eighth, and every third layer between them
    first_two,        // tensors of this part, not layers
    first_four,
    grouped,             // at least 4 query heads share a KV head
    grouped_or_experts,  // or there are at least 4 experts
};

enum class Given { any, with_importance, without_importance };

struct Rule {
    Part part;
    When when;
    std::string_view type;
    Given given = Given::any;
};

// What a model with exactly eight experts changes: its attention is small beside them.
enum class EightExperts { attn_v_and_k_q8_0, attn_k_q4_k };

struct Recipe {
    std::string_view name;        // in lower case: "q4_k_m"
    std::uint32_t file_type;      // general.file_type
    std::string_view base;        // the type of every matrix without a rule
    std::string_view output;      // of output.weight, or of token_embd.weight where that serves as output
    std::span<const Rule> rules;  // the first that holds decides
    EightExperts eight_experts;
    bool attn_output_q5_k;  // with eight experts
    bool wants_importance;  // loses much without an importance matrix
};

[[nodiscard]] std::span<const Recipe> recipes();

// By its name in any case, or by the short names q3_k, q4_k and q5_k of the _m ones; nullptr if there is
// none.
[[nodiscard]] const Recipe* find_recipe(std::string_view name);

// "f32, f16, ...": for messages.
[[nodiscard]] std::string recipe_names();

// What rules look at.
struct TensorShape {
    std::string name;
    std::vector<std::uint64_t> dims;  // the row length first; trailing ones do not count as dimensions

    // `dims` with trailing ones or without.
    static TensorShape of(std::string_view name, std::span<const std::uint64_t> dims);
};

struct ModelShape {
    std::vector<TensorShape> tensors;  // in the order of the file
    std::uint64_t layers = 0, heads = 0, kv_heads = 0, experts = 0;
};

// Counts that a file does not state (or states in another type) are 0; its heads are those of the first
// layer.
[[nodiscard]] ModelShape model_shape(const GgufFile& file);

// Whether recipes quantize this tensor: matrices named "...weight" that are not norms, routers, positions,
// ...
[[nodiscard]] bool is_quantized(const TensorShape& tensor);

// The type of each tensor, in order; nullptr for those that keep the type they have. A row length that is no
// multiple of the type's block falls back to a type of about the same size with blocks of 32, then to f16
// (FORMATS.md, 8.4; `fell_back`). Error `usage`: a tensor for whose row length there is no fallback.
struct Decision {
    const TypeInfo* type = nullptr;
    bool fell_back = false;
};
[[nodiscard]] Result<std::vector<Decision>> decide(const Recipe& recipe, const ModelShape& model,
                                                   bool with_importance);

}  // namespace tuff
