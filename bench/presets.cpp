#include "bench/presets.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace tuff::bench {
namespace {

constexpr PresetPart llama_1b[] = {{"attn_q, attn_output", 2048, 2048},
                                   {"attn_k, attn_v", 512, 2048},
                                   {"ffn_gate, ffn_up", 8192, 2048},
                                   {"ffn_down", 2048, 8192},
                                   {"output", 128256, 2048}};
constexpr PresetPart llama_8b[] = {{"attn_q, attn_output", 4096, 4096},
                                   {"attn_k, attn_v", 1024, 4096},
                                   {"ffn_gate, ffn_up", 14336, 4096},
                                   {"ffn_down", 4096, 14336},
                                   {"output", 128256, 4096}};
constexpr PresetPart llama_70b[] = {{"attn_q, attn_output", 8192, 8192},
                                    {"attn_k, attn_v", 1024, 8192},
                                    {"ffn_gate, ffn_up", 28672, 8192},
                                    {"ffn_down", 8192, 28672},
                                    {"output", 128256, 8192}};
constexpr PresetPart mistral_7b[] = {{"attn_q, attn_output", 4096, 4096},
                                     {"attn_k, attn_v", 1024, 4096},
                                     {"ffn_gate, ffn_up", 14336, 4096},
                                     {"ffn_down", 4096, 14336},
                                     {"output", 32768, 4096}};
constexpr PresetPart qwen25_7b[] = {{"attn_q, attn_output", 3584, 3584},
                                    {"attn_k, attn_v", 512, 3584},
                                    {"ffn_gate, ffn_up", 18944, 3584},
                                    {"ffn_down", 3584, 18944},
                                    {"output", 152064, 3584}};
constexpr PresetPart qwen3_06b[] = {{"attn_q", 2048, 1024},      {"attn_k, attn_v", 1024, 1024},
                                    {"attn_output", 1024, 2048}, {"ffn_gate, ffn_up", 3072, 1024},
                                    {"ffn_down", 1024, 3072},    {"output", 151936, 1024}};
constexpr PresetPart qwen3_8b[] = {{"attn_q, attn_output", 4096, 4096},
                                   {"attn_k, attn_v", 1024, 4096},
                                   {"ffn_gate, ffn_up", 12288, 4096},
                                   {"ffn_down", 4096, 12288},
                                   {"output", 151936, 4096}};
constexpr PresetPart gemma2_2b[] = {{"attn_q", 2048, 2304},      {"attn_k, attn_v", 1024, 2304},
                                    {"attn_output", 2304, 2048}, {"ffn_gate, ffn_up", 9216, 2304},
                                    {"ffn_down", 2304, 9216},    {"output", 256000, 2304}};
constexpr PresetPart phi35_mini[] = {{"attn_qkv", 9216, 3072},
                                     {"attn_output", 3072, 3072},
                                     {"ffn_up", 16384, 3072},
                                     {"ffn_down", 3072, 8192},
                                     {"output", 32064, 3072}};

constexpr Preset kPresets[] = {
    {"llama-3.1-8b", llama_8b}, {"llama-3.1-70b", llama_70b}, {"llama-3.2-1b", llama_1b},
    {"qwen2.5-7b", qwen25_7b},  {"qwen3-0.6b", qwen3_06b},    {"qwen3-8b", qwen3_8b},
    {"mistral-7b", mistral_7b}, {"gemma-2-2b", gemma2_2b},    {"phi-3.5-mini", phi35_mini},
};

}  // namespace

std::span<const Preset> presets() {
    return kPresets;
}

Result<const Preset*> find_preset(std::string_view name) {
    const auto* found = std::ranges::find(kPresets, name, &Preset::name);
    if (found != std::end(kPresets)) return found;
    std::vector<std::string_view> names;
    for (const Preset& preset : kPresets) names.push_back(preset.name);
    return fail(ErrorCode::usage, "unknown preset '{}'; there are: {}", name, fmt::join(names, ", "));
}

}  // namespace tuff::bench
