#include "backend/model/presets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "backend/model/config.hpp"

namespace tuff {
namespace {

constexpr ModelPreset kPresets[] = {
    {"llama-3.1-8b", R"({"model_type": "llama", "num_hidden_layers": 32, "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3"}})"},
    {"llama-3.1-70b", R"({"model_type": "llama", "num_hidden_layers": 80, "hidden_size": 8192,
        "intermediate_size": 28672, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256,
        "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3"}})"},
    {"llama-3.2-1b", R"({"model_type": "llama", "num_hidden_layers": 16, "hidden_size": 2048,
        "intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
        "vocab_size": 128256, "max_position_embeddings": 131072, "tie_word_embeddings": true,
        "rope_scaling": {"rope_type": "llama3"}})"},
    {"qwen2.5-0.5b", R"({"model_type": "qwen2", "num_hidden_layers": 24, "hidden_size": 896,
        "intermediate_size": 4864, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936,
        "max_position_embeddings": 32768, "tie_word_embeddings": true})"},
    {"qwen2.5-7b", R"({"model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 3584,
        "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
        "max_position_embeddings": 131072})"},
    {"qwen3-0.6b", R"({"model_type": "qwen3", "num_hidden_layers": 28, "hidden_size": 1024,
        "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 151936,
        "max_position_embeddings": 40960, "tie_word_embeddings": true})"},
    {"qwen3-8b", R"({"model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096,
        "intermediate_size": 12288, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 151936,
        "max_position_embeddings": 40960})"},
    {"qwen3-30b-a3b", R"({"model_type": "qwen3_moe", "num_hidden_layers": 48, "hidden_size": 2048,
        "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128, "num_experts_per_tok": 8,
        "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 151936,
        "max_position_embeddings": 40960})"},
    {"qwen3-next-80b-a3b", R"({"model_type": "qwen3_next", "num_hidden_layers": 48, "hidden_size": 2048,
        "intermediate_size": 5120, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
        "num_experts": 512, "num_experts_per_tok": 10, "num_attention_heads": 16, "num_key_value_heads": 2,
        "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
        "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "full_attention_interval": 4,
        "vocab_size": 151936, "max_position_embeddings": 262144})"},
    {"mistral-7b", R"({"model_type": "mistral", "num_hidden_layers": 32, "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32768,
        "max_position_embeddings": 32768})"},
    {"mixtral-8x7b", R"({"model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096,
        "intermediate_size": 14336, "num_local_experts": 8, "num_experts_per_tok": 2,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
        "max_position_embeddings": 32768})"},
    {"gemma-2-2b", R"({"model_type": "gemma2", "num_hidden_layers": 26, "hidden_size": 2304,
        "intermediate_size": 9216, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 256000,
        "max_position_embeddings": 8192, "sliding_window": 4096})"},
    {"gemma-3-4b", R"({"model_type": "gemma3_text", "num_hidden_layers": 34, "hidden_size": 2560,
        "intermediate_size": 10240, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 262144,
        "max_position_embeddings": 131072, "sliding_window": 1024})"},
    {"phi-3.5-mini", R"({"model_type": "phi3", "num_hidden_layers": 32, "hidden_size": 3072,
        "intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064,
        "max_position_embeddings": 131072, "rope_scaling": {"type": "longrope"}})"},
    {"deepseek-v2-lite", R"({"model_type": "deepseek_v2", "num_hidden_layers": 27, "hidden_size": 2048,
        "intermediate_size": 10944, "moe_intermediate_size": 1408, "n_routed_experts": 64,
        "num_experts_per_tok": 6, "n_shared_experts": 2, "first_k_dense_replace": 1, "kv_lora_rank": 512,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_attention_heads": 16,
        "vocab_size": 102400, "max_position_embeddings": 163840})"},
    {"deepseek-v3", R"({"model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
        "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
        "num_experts_per_tok": 8, "n_shared_experts": 1, "first_k_dense_replace": 3, "q_lora_rank": 1536,
        "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "num_attention_heads": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
        "num_nextn_predict_layers": 1})"},
    {"gpt-oss-20b", R"({"model_type": "gpt_oss", "num_hidden_layers": 24, "hidden_size": 2880,
        "intermediate_size": 2880, "num_local_experts": 32, "num_experts_per_tok": 4,
        "num_attention_heads": 64, "num_key_value_heads": 8, "sliding_window": 128, "vocab_size": 201088,
        "max_position_embeddings": 131072})"},
};

}  // namespace

std::span<const ModelPreset> model_presets() {
    return kPresets;
}

std::string model_preset_names() {
    std::vector<std::string_view> names;
    for (const ModelPreset& preset : kPresets) names.push_back(preset.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

Result<Model> preset_model(std::string_view name) {
    const auto* found = std::ranges::find(kPresets, name, &ModelPreset::name);
    if (found == std::end(kPresets))
        return fail(ErrorCode::usage, "unknown preset '{}'; there are: {}", name, model_preset_names());
    return parse_config(found->config, found->name);
}

}  // namespace tuff
