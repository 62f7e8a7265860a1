#include "backend/model/presets.hpp"

#include <gtest/gtest.h>

#include <map>

namespace tuff {
namespace {

Model preset(std::string_view name) {
    auto model = preset_model(name);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : Model{};
}

// What the makers of the models, or the files of them, say: weights without further-token layers, with the
// rotation factors that GGUF stores beside them.
TEST(ModelPresets, HaveExactlyThePublishedNumberOfParameters) {
    const std::map<std::string_view, std::uint64_t> published = {
        {"llama-3.1-8b", 8'030'261'248 + 64},
        {"llama-3.1-70b", 70'553'706'496 + 64},
        {"llama-3.2-1b", 1'235'814'400 + 32},
        {"qwen2.5-0.5b", 494'032'768},
        {"qwen2.5-7b", 7'615'616'512},
        {"qwen3-0.6b", 596'049'920},
        {"qwen3-8b", 8'190'735'360},
        {"qwen3-30b-a3b", 30'532'122'624},
        {"qwen3-next-80b-a3b", 79'674'391'296},
        {"mistral-7b", 7'248'023'552},
        {"mixtral-8x7b", 46'702'792'704},
        {"gemma-2-2b", 2'614'341'888},
        {"gemma-3-4b", 3'880'099'328},
        {"phi-3.5-mini", 3'821'079'552 + 96},
        {"deepseek-v2-lite", 15'706'484'224},
        {"deepseek-v3", 671'026'419'200},
        {"gpt-oss-20b", 20'914'757'184},
    };
    for (const ModelPreset& one : model_presets()) {
        ASSERT_TRUE(published.contains(one.name)) << one.name;
        EXPECT_EQ(preset(one.name).parameters(), published.at(one.name)) << one.name;
    }
    EXPECT_EQ(model_presets().size(), published.size());
}

// Key and value numbers of a token over all layers: what a cache holds.
std::uint64_t cached_numbers(const Model& model) {
    std::uint64_t sum = 0;
    for (const LayerShape& layer : model.shape.layers)
        if (layer.owns_cache) sum += layer.kv_heads * (layer.key_size + layer.value_size);
    return sum;
}

TEST(ModelPresets, CacheWhatTheirAttentionNeeds) {
    EXPECT_EQ(cached_numbers(preset("qwen2.5-7b")) * 2, 57'344u);  // bytes in f16
    EXPECT_EQ(cached_numbers(preset("llama-3.1-8b")) * 2, 131'072u);
    EXPECT_EQ(cached_numbers(preset("deepseek-v3")) * 2, 70'272u);           // the latent only
    EXPECT_EQ(cached_numbers(preset("qwen3-next-80b-a3b")), 12u * 2 * 512);  // every fourth layer
}

TEST(ModelPresets, KnowWhichLayersSlide) {
    const auto windows = [](std::string_view name) {
        std::vector<std::uint64_t> list;
        for (const LayerShape& layer : preset(name).shape.layers) list.push_back(layer.window);
        list.resize(7);
        return list;
    };
    using List = std::vector<std::uint64_t>;
    EXPECT_EQ(windows("gemma-2-2b"), (List{4096, 0, 4096, 0, 4096, 0, 4096}));
    EXPECT_EQ(windows("gemma-3-4b"), (List{1024, 1024, 1024, 1024, 1024, 0, 1024}));
    EXPECT_EQ(windows("gpt-oss-20b"), (List{128, 0, 128, 0, 128, 0, 128}));
    EXPECT_EQ(windows("phi-3.5-mini"), List(7, 0));
}

TEST(ModelPresets, KnowTheirExpertsAndStates) {
    const Model deepseek = preset("deepseek-v3"), next = preset("qwen3-next-80b-a3b");
    EXPECT_EQ(deepseek.shape.layers[2].experts, 0u);
    EXPECT_EQ(deepseek.shape.layers[3].experts, 256u);
    EXPECT_EQ(deepseek.shape.layers[3].experts_used, 8u);
    EXPECT_EQ(deepseek.shape.layers[3].latent_size, 512u);
    EXPECT_EQ(next.shape.layers[0].kv_heads, 0u);
    EXPECT_EQ(next.shape.layers[0].state_floats, 3u * 8192 + 32 * 128 * 128);
    EXPECT_EQ(next.shape.layers[3].state_floats, 0u);
}

TEST(ModelPresets, NameTheChoicesForAnUnknownName) {
    const auto got = preset_model("gpt-9");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::usage);
    EXPECT_NE(got.error().message.find("unknown preset 'gpt-9'; there are: llama-3.1-8b, "),
              std::string::npos);
}

}  // namespace
}  // namespace tuff
