#include "backend/model/config.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/temporary_directory.hpp"

namespace tuff {
namespace {

// A small llama with some of its members replaced or added: later ones of the same name count.
std::string config(const std::string& changes) {
    return R"({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
               "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
               "max_position_embeddings": 512)" +
           (changes.empty() ? "" : ", " + changes) + "}";
}

void expect_refused(const std::string& json, ErrorCode code, std::string_view message) {
    const auto got = parse_config(json, "c.json");
    ASSERT_FALSE(got) << json;
    EXPECT_EQ(got.error().code, code) << json;
    EXPECT_TRUE(got.error().message.starts_with("c.json: ")) << got.error().message;
    EXPECT_NE(got.error().message.find(message), std::string::npos) << got.error().message;
}

const ModelTensor* find(const Model& model, std::string_view name) {
    for (const ModelTensor& tensor : model.tensors)
        if (tensor.name == name) return &tensor;
    return nullptr;
}

TEST(ModelConfig, GivesTensorsTheNamesAndShapesOfGguf) {
    const auto model = parse_config(config(R"("attention_bias": true)"), "c.json");
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->shape.architecture, "llama");
    EXPECT_EQ(model->shape.positions, 512u);
    using Dims = std::array<std::uint64_t, 4>;
    ASSERT_NE(find(*model, "blk.1.attn_k.weight"), nullptr);
    EXPECT_EQ(find(*model, "blk.1.attn_k.weight")->dims, (Dims{64, 32, 1, 1}));
    EXPECT_EQ(find(*model, "blk.1.attn_k.bias")->dims, (Dims{32, 1, 1, 1}));
    EXPECT_EQ(find(*model, "blk.1.attn_k.bias")->n_dims, 1u);
    EXPECT_EQ(find(*model, "blk.0.ffn_down.weight")->dims, (Dims{128, 64, 1, 1}));
    EXPECT_EQ(find(*model, "output.weight")->dims, (Dims{64, 100, 1, 1}));
    EXPECT_EQ(find(*model, "blk.2.attn_k.weight"), nullptr);
    const auto tied = parse_config(config(R"("tie_word_embeddings": true)"), "c.json");
    EXPECT_EQ(find(*tied, "output.weight"), nullptr);
    EXPECT_TRUE(tied->shape.tied_embeddings);
}

TEST(ModelConfig, NamesTheKeyOfEveryBadValue) {
    const auto bad = [](const std::string& changes, std::string_view message) {
        expect_refused(config(changes), ErrorCode::malformed, message);
    };
    bad(R"("num_hidden_layers": 0)", "'num_hidden_layers' is 0, not between 1 and 1024");
    bad(R"("num_hidden_layers": 1025)", "'num_hidden_layers' is 1025, not between 1 and 1024");
    bad(R"("num_hidden_layers": -1)", "'num_hidden_layers' is -1, not between 1 and 1024");
    bad(R"("num_hidden_layers": 2.0)", "'num_hidden_layers' is 2.0, not an integer");
    bad(R"("num_hidden_layers": "2")", "not an integer");
    bad(R"("num_hidden_layers": null)", "'num_hidden_layers' is missing");
    bad(R"("num_hidden_layers": [2])", "'num_hidden_layers' is [2], not an integer");
    bad(R"("hidden_size": 18446744073709551615)", "'hidden_size' is 18446744073709551615, not between");
    bad(R"("hidden_size": 1e300)", "'hidden_size' is 1e+300, not an integer");
    bad(R"("vocab_size": 99999999999)", "'vocab_size'");
    bad(R"("max_position_embeddings": 0)", "'max_position_embeddings'");
    bad(R"("num_attention_heads": 5)", "'hidden_size' 64 is no multiple of 'num_attention_heads' 5");
    bad(R"("num_key_value_heads": 3)", "layer 0 has 4 attention heads, no multiple of its 3");
    bad(R"("num_key_value_heads": 0)", "'num_key_value_heads' is 0, not between 1 and 4096");
    bad(R"("head_dim": 99999999)", "'head_dim'");
    bad(R"("tie_word_embeddings": 1)", "'tie_word_embeddings' is 1, neither true nor false");
    bad(R"("model_type": 7)", "'model_type' is 7, not a string");
    bad(R"("rope_scaling": "yarn")", "'rope_scaling' is 'yarn', not an object");
    bad(R"("rope_scaling": {"rope_type": 3})", "'rope_scaling.rope_type' is 3, not a string");
    bad(R"("partial_rotary_factor": -0.5)", "'partial_rotary_factor'");
    bad(R"("num_local_experts": 8)", "'num_experts_per_tok' is missing, with 8 experts");
    bad(R"("num_local_experts": 8, "num_experts_per_tok": 9)", "layer 0 uses 9 experts of 8");
    bad(R"("num_experts": 8, "num_experts_per_tok": 2, "mlp_only_layers": [0, "x"])", "'mlp_only_layers'");
    bad(R"("num_experts": 8, "num_experts_per_tok": 2, "decoder_sparse_step": 0)",
        "'decoder_sparse_step' is 0");
    bad(R"("layer_types": ["full_attention"])", "'layer_types' names 1 layers of 2");
    bad(R"("layer_types": ["full_attention", 2])", "not an array of strings");
    bad(R"("layer_types": ["full_attention", "telepathy"])", "'layer_types' has 'telepathy'");
    bad(R"("layer_types": ["full_attention", "linear_attention"])", "'layer_types' has 'linear_attention'");
    bad(R"("layer_types": ["full_attention", "sliding_attention"])", "'sliding_window' is missing");
}

TEST(ModelConfig, RefusesWhatIsNoConfig) {
    expect_refused("", ErrorCode::malformed, "not valid JSON");
    expect_refused("{", ErrorCode::malformed, "not valid JSON");
    expect_refused(config("") + "x", ErrorCode::malformed, "not valid JSON");
    expect_refused("{\"model_type\": \"\xff\xfe\"}", ErrorCode::malformed, "not valid JSON");
    expect_refused("[]", ErrorCode::malformed, "not a JSON object");
    expect_refused("{}", ErrorCode::malformed, "'model_type' is missing");
    expect_refused(R"({"model_type": "llama"})", ErrorCode::malformed, "'num_hidden_layers' is missing");
    expect_refused(R"({"model_type": "bert\u001b[2J"})", ErrorCode::unsupported,
                   R"('model_type' bert\x1b[2J is)");
    expect_refused(std::string(500'000, '['), ErrorCode::malformed, "nested deeper");
    expect_refused(config(R"("x": )" + std::string(200, '[') + std::string(200, ']')), ErrorCode::malformed,
                   "nested deeper than 32");
    expect_refused(std::string(kMaxConfigBytes + 1, ' '), ErrorCode::malformed, "more than 1048576 bytes");
    // Brackets within strings do not nest.
    EXPECT_TRUE(parse_config(config(R"("x": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[")"), "c.json"));
}

TEST(ModelConfig, KeepsMessagesShortAndPrintable) {
    const auto got = parse_config(config("\"hidden_size\": \"" + std::string(100'000, 'x') + "\""), "c.json");
    ASSERT_FALSE(got);
    EXPECT_LT(got.error().message.size(), 200u);
}

TEST(ModelConfig, TheLargestValuesAllowedDoNotOverflow) {
    const auto model = parse_config(
        R"({"model_type": "mixtral", "num_hidden_layers": 1024, "hidden_size": 4194304,
            "intermediate_size": 4194304, "num_attention_heads": 4096, "head_dim": 65536, "vocab_size": 16777216,
            "num_local_experts": 4096, "num_experts_per_tok": 4096, "max_position_embeddings": 1073741824})",
        "huge");
    ASSERT_TRUE(model) << model.error().message;
    for (const ModelTensor& tensor : model->tensors) {
        const auto product = static_cast<long double>(tensor.dims[0]) *
                             static_cast<long double>(tensor.dims[1]) *
                             static_cast<long double>(tensor.dims[2]);
        EXPECT_EQ(product, static_cast<long double>(tensor.elements())) << tensor.name;
    }
}

TEST(ModelConfig, ReadsTheTextPartOfAModelThatSees) {
    const auto model = parse_config(
        R"({"model_type": "gemma3", "vision_config": {"hidden_size": 1152}, "text_config": {
            "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 34, "sliding_window": 1024}})",
        "c.json");
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->shape.vocabulary, 262208u);  // what the published file leaves out
    EXPECT_EQ(model->shape.layers[0].kv_heads, 4u);
    EXPECT_EQ(model->shape.layers[0].key_size, 256u);
    EXPECT_EQ(model->shape.layers[5].window, 0u);
    EXPECT_EQ(model->notes.size(), 1u);
    expect_refused(R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}})",
                   ErrorCode::malformed, "'text_config.num_hidden_layers' is missing");
}

TEST(ModelConfig, ObeysTheRulesForSlidingWindows) {
    const auto windows = [](const std::string& json) {
        const auto model = parse_config(json, "c.json");
        EXPECT_TRUE(model) << model.error().message;
        std::vector<std::uint64_t> list;
        for (const LayerShape& layer : model->shape.layers) list.push_back(layer.window);
        return list;
    };
    using List = std::vector<std::uint64_t>;
    EXPECT_EQ(windows(config(R"("model_type": "mistral", "sliding_window": 256)")), (List{256, 256}));
    EXPECT_EQ(windows(config(R"("model_type": "mistral", "sliding_window": null)")), (List{0, 0}));
    EXPECT_EQ(windows(config(R"("model_type": "qwen2", "sliding_window": 256)")), (List{0, 0}));
    EXPECT_EQ(windows(config(R"("model_type": "qwen2", "sliding_window": 256, "use_sliding_window": true,
                                "max_window_layers": 1)")),
              (List{0, 256}));
    EXPECT_EQ(windows(config(R"("model_type": "phi3", "sliding_window": 256)")), (List{0, 0}));
    EXPECT_EQ(windows(config(R"("sliding_window": 256,
                                "layer_types": ["sliding_attention", "full_attention"])")),
              (List{256, 0}));
    EXPECT_EQ(
        windows(config(R"("model_type": "gemma3_text", "sliding_window": 64, "sliding_window_pattern": 2)")),
        (List{64, 0}));
}

TEST(ModelConfig, FilesMustExistAndBeSmall) {
    const test::TemporaryDirectory directory;
    EXPECT_TRUE(read_config(directory.file("config.json", config(""))));
    EXPECT_EQ(read_config(directory.path("none.json")).error().code, ErrorCode::io);
    EXPECT_EQ(read_config(directory.path("")).error().code, ErrorCode::io);
    const auto large = read_config(directory.file("large.json", std::string(3 << 20, ' ')));
    ASSERT_FALSE(large);
    EXPECT_NE(large.error().message.find("more than 1048576 bytes"), std::string::npos);
}

}  // namespace
}  // namespace tuff
