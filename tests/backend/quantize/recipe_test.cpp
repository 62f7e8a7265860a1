#include "backend/quantize/recipe.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include <nlohmann/json.hpp>

#include "backend/quantize/encoder.hpp"

namespace tuff::test {
namespace {

ModelShape small_model() {
    ModelShape model;
    model.layers = 8;
    model.heads = 8;
    model.kv_heads = 4;
    model.tensors.push_back({"token_embd.weight", {256, 512}});
    for (int i = 0; i < 8; i++) {
        model.tensors.push_back({fmt::format("blk.{}.attn_v.weight", i), {256, 256}});
        model.tensors.push_back({fmt::format("blk.{}.ffn_down.weight", i), {512, 256}});
    }
    return model;
}

const TypeInfo* type_of(const std::vector<Decision>& decisions, const ModelShape& model,
                        std::string_view name) {
    for (std::size_t i = 0; i < model.tensors.size(); i++)
        if (model.tensors[i].name == name) return decisions[i].type;
    return nullptr;
}

TEST(Recipe, NamesAndFileTypesAreUniqueAndTypesExist) {
    std::set<std::string_view> names;
    std::set<std::uint32_t> file_types;
    for (const Recipe& recipe : recipes()) {
        EXPECT_TRUE(names.insert(recipe.name).second) << recipe.name;
        EXPECT_TRUE(file_types.insert(recipe.file_type).second) << recipe.name;
        EXPECT_EQ(find_recipe(recipe.name), &recipe);
        EXPECT_NE(find_type(recipe.base), nullptr) << recipe.name;
        EXPECT_NE(find_type(recipe.output), nullptr) << recipe.name;
        for (const Rule& rule : recipe.rules) EXPECT_NE(find_type(rule.type), nullptr) << rule.type;
    }
}

TEST(Recipe, IsFoundInAnyCaseAndByShortNames) {
    EXPECT_EQ(find_recipe("Q4_K_M"), find_recipe("q4_k_m"));
    EXPECT_EQ(find_recipe("q4_k")->name, "q4_k_m");
    EXPECT_EQ(find_recipe("Q5_K")->name, "q5_k_m");
    EXPECT_EQ(find_recipe("q9_z"), nullptr);
    EXPECT_EQ(find_recipe(""), nullptr);
}

// tests/data/recipes.json: what llama-quantize (llama.cpp 0.7.0) plans for nine models, real and made up,
// with and without an importance matrix: one letter per tensor, '.' for those that keep their type.
TEST(Recipe, GivesTheTypesThatLlamaQuantizeGives) {
    const nlohmann::json data = nlohmann::json::parse(std::ifstream(TUFF_TEST_DATA "/recipes.json"));
    std::size_t compared = 0;
    for (const nlohmann::json& entry : data["models"]) {
        ModelShape model;
        model.layers = entry["layers"];
        model.heads = entry["heads"];
        model.kv_heads = entry["kv_heads"];
        model.experts = entry["experts"];
        for (const nlohmann::json& tensor : entry["tensors"])
            model.tensors.push_back({tensor[0], tensor[1].get<std::vector<std::uint64_t>>()});
        for (const bool importance : {false, true}) {
            for (const auto& [name, letters] :
                 entry[importance ? "types_with_importance" : "types"].items()) {
                const auto decisions = decide(*find_recipe(name), model, importance);
                ASSERT_TRUE(decisions.has_value()) << name << ' ' << decisions.error().message;
                const std::string expected = letters;
                for (std::size_t i = 0; i < expected.size(); i++) {
                    const std::string type =
                        expected[i] == '.' ? ""
                                           : data["letters"][std::string(1, expected[i])].get<std::string>();
                    const TypeInfo* got = (*decisions)[i].type;
                    EXPECT_EQ(got ? got->name : "", type)
                        << entry["name"] << ", " << name << (importance ? " with importance, " : ", ")
                        << model.tensors[i].name;
                    compared++;
                }
            }
        }
    }
    EXPECT_GT(compared, 50000u);
}

TEST(Recipe, TiedEmbeddingsAreTreatedAsTheOutput) {
    ModelShape model = small_model();
    auto decisions = decide(*find_recipe("q4_k_m"), model, false);
    EXPECT_EQ(type_of(*decisions, model, "token_embd.weight")->name, "q6_k");
    model.tensors.push_back({"output.weight", {256, 512}});
    decisions = decide(*find_recipe("q4_k_m"), model, false);
    EXPECT_EQ(type_of(*decisions, model, "token_embd.weight")->name, "q4_k");
    EXPECT_EQ(type_of(*decisions, model, "output.weight")->name, "q6_k");
}

TEST(Recipe, FallsBackByRowLengthAndSaysSo) {
    ModelShape model;
    model.tensors = {{"a.weight", {96, 8}}, {"b.weight", {100, 8}}, {"c.weight", {256, 8}}};
    const auto decisions = decide(*find_recipe("q4_k_s"), model, false);
    ASSERT_TRUE(decisions.has_value());
    EXPECT_EQ((*decisions)[0].type->name, "q5_0");
    EXPECT_TRUE((*decisions)[0].fell_back);
    EXPECT_EQ((*decisions)[1].type->name, "f16");
    EXPECT_EQ((*decisions)[2].type->name, "q4_k");
    EXPECT_FALSE((*decisions)[2].fell_back);
}

TEST(Recipe, RefusesRowsThatNothingFits) {
    ModelShape model;
    model.tensors = {{"odd.weight", {100, 8}}};
    const auto decisions = decide(*find_recipe("q8_0"), model, false);
    ASSERT_FALSE(decisions.has_value());
    EXPECT_EQ(decisions.error().code, ErrorCode::usage);
    EXPECT_NE(decisions.error().message.find("'odd.weight'"), std::string::npos) << decisions.error().message;
    EXPECT_NE(decisions.error().message.find("100"), std::string::npos);
}

TEST(Recipe, KeepsNormsRoutersAndWhatIsNoMatrix) {
    const auto kept = [](std::string name, std::vector<std::uint64_t> dims) {
        return !is_quantized({std::move(name), std::move(dims)});
    };
    EXPECT_TRUE(kept("blk.0.attn_norm.weight", {256, 2}));
    EXPECT_TRUE(kept("blk.0.ffn_gate_inp.weight", {256, 8}));
    EXPECT_TRUE(kept("blk.0.attn_q.bias", {256, 2}));
    EXPECT_TRUE(kept("blk.0.attn_q.weight", {256}));
    EXPECT_TRUE(kept("blk.0.ssm_conv1d.weight", {4, 256}));
    EXPECT_FALSE(kept("blk.0.attn_q.weight", {256, 256}));
    EXPECT_FALSE(kept("blk.0.ffn_down_exps.weight", {256, 256, 8}));
}

TEST(Recipe, SurvivesModelsThatSayNothingAboutThemselves) {
    ModelShape model = small_model();
    model.layers = model.heads = model.kv_heads = 0;
    model.tensors.push_back({"blk.99999999999999999999.ffn_down.weight", {256, 256}});
    model.tensors.push_back({"blk..ffn_down.weight", {256, 256}});
    for (const Recipe& recipe : recipes()) {
        model.experts = 8;
        EXPECT_TRUE(decide(recipe, model, true).has_value()) << recipe.name;
        model.experts = 0;
        EXPECT_TRUE(decide(recipe, model, false).has_value()) << recipe.name;
    }
}

}  // namespace
}  // namespace tuff::test
