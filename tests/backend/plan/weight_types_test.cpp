// Plans give every tensor the type that quantizing gives it, whatever the model.
#include "backend/plan/weight_types.hpp"

#include <gtest/gtest.h>

#include "backend/model/gguf_model.hpp"
#include "backend/model/presets.hpp"
#include "backend/quantize/model.hpp"
#include "tests/backend/gguf_builder.hpp"

namespace tuff::test {
namespace {

struct Shape {
    const char* what;
    std::uint32_t layers, experts;
    std::vector<std::uint32_t> heads, kv_heads;  // one for all layers, or one each
    std::uint64_t row;
    bool tied;
};

// A file of zeros with the metadata and the names that recipes look at.
std::vector<std::byte> file_of(const Shape& shape) {
    struct Tensor {
        std::string name;
        std::vector<std::uint64_t> dims;
        std::uint32_t type = 1;  // f16
    };
    std::vector<Tensor> tensors = {{"token_embd.weight", {shape.row, 4}}};
    if (!shape.tied) tensors.push_back({"output.weight", {shape.row, 4}});
    for (std::uint32_t i = 0; i < shape.layers; i++) {
        const std::string layer = fmt::format("blk.{}.", i);
        tensors.push_back({layer + "attn_norm.weight", {shape.row}, 0});
        for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_output"})
            tensors.push_back({layer + part + ".weight", {shape.row, 2}});
        tensors.push_back({layer + "table.weight", {shape.row, 2}, 26});  // integers
        const std::string stack = shape.experts > 0 ? "_exps.weight" : ".weight";
        for (const char* part : {"ffn_gate", "ffn_up", "ffn_down"}) {
            std::vector<std::uint64_t> dims = {shape.row, 2};
            if (shape.experts > 0) dims.push_back(shape.experts);
            tensors.push_back({layer + part + stack, dims});
        }
        if (shape.experts > 0) tensors.push_back({layer + "ffn_gate_inp.weight", {shape.row, shape.experts}});
    }
    GgufBuilder file;
    file.header(tensors.size(), shape.experts > 0 ? 8 : 6);
    file.key("general.architecture", GgufType::string).text("llama");
    const auto number = [&](const char* key, std::uint32_t value) {
        file.key(key, GgufType::u32).put(value);
    };
    const auto numbers = [&](const char* key, const std::vector<std::uint32_t>& values) {
        if (values.size() == 1) return number(key, values[0]);
        file.key(key, GgufType::array).put(static_cast<std::uint32_t>(GgufType::u32));
        file.put<std::uint64_t>(values.size());
        for (const std::uint32_t value : values) file.put(value);
    };
    number("llama.block_count", shape.layers);
    number("llama.embedding_length", static_cast<std::uint32_t>(shape.row));
    number("llama.context_length", 128);
    numbers("llama.attention.head_count", shape.heads);
    numbers("llama.attention.head_count_kv", shape.kv_heads);
    if (shape.experts > 0) {
        number("llama.expert_count", shape.experts);
        number("llama.expert_used_count", 2);
    }
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
        file.tensor(tensor.name, tensor.dims, tensor.type, offset);
        std::uint64_t bytes = tensor.type == 1 ? 2 : 4;
        for (const std::uint64_t dim : tensor.dims) bytes *= dim;
        offset += (bytes + 31) / 32 * 32;
    }
    file.pad().zeros(offset);
    return file.bytes();
}

TEST(WeightTypes, AreThoseOfQuantizingWhateverTheModel) {
    const Shape shapes[] = {
        {"grouped heads", 8, 0, {8}, {2}, 256, false},
        {"as many heads everywhere", 8, 0, {8}, {8}, 256, true},
        {"eight experts", 16, 8, {8}, {2}, 256, false},
        {"many experts", 6, 64, {16}, {2}, 512, false},
        {"eighty layers", 80, 0, {8}, {1}, 256, false},
        {"short rows", 8, 0, {8}, {2}, 96, true},
        {"a layer without attention first", 4, 0, {8, 8, 8, 8}, {0, 1, 0, 1}, 256, false},
        {"heads by layer", 3, 0, {2, 8, 8}, {2, 1, 1}, 256, false},
    };
    for (const Shape& shape : shapes) {
        std::size_t compared = 0;
        const std::vector<std::byte> bytes = file_of(shape);
        const auto file = GgufFile::parse(bytes, shape.what);
        ASSERT_TRUE(file) << shape.what << file.error().message;
        const auto model = gguf_model(*file);
        ASSERT_TRUE(model) << model.error().message;
        for (const Recipe& recipe : recipes()) {
            PlanOptions options;
            options.recipe = &recipe;
            const auto quantized = plan_model(*file, options);
            const auto planned = weight_types(*model, recipe.name);
            ASSERT_EQ(planned.has_value(), quantized.has_value()) << shape.what << ' ' << recipe.name;
            if (!planned) continue;
            ASSERT_EQ(planned->size(), quantized->tensors.size()) << shape.what << ' ' << recipe.name;
            for (std::size_t i = 0; i < planned->size(); i++, compared++)
                EXPECT_EQ((*planned)[i]->name, quantized->tensors[i].type->name)
                    << shape.what << ' ' << recipe.name << ' ' << model->tensors[i].name;
        }
        EXPECT_GT(compared, 0u) << shape.what << ": no recipe has types for it";
    }
}

TEST(WeightTypes, OfAModelWithoutAFileLeaveVectorsInFloat32) {
    const Model model = *preset_model("llama-3.1-8b");
    const auto types = weight_types(model, "iq1_m");
    ASSERT_TRUE(types) << types.error().message;
    for (std::size_t i = 0; i < types->size(); i++)
        if (model.tensors[i].n_dims == 1) {
            EXPECT_EQ((*types)[i]->name, "f32") << model.tensors[i].name;
        }
}

TEST(WeightTypes, DependOnAnImportanceMatrixWhereTheRecipeDoes) {
    const Model model = *preset_model("llama-3.1-8b");
    EXPECT_NE(*weight_types(model, "iq3_xxs"), *weight_types(model, "iq3_xxs", true));
    EXPECT_EQ(*weight_types(model, "q4_k_m"), *weight_types(model, "q4_k_m", true));
}

TEST(WeightTypes, RefuseWhatIsNoRecipeAndModelsWithoutTypes) {
    const Model model = *preset_model("llama-3.1-8b");
    for (const char* name : {"q9_z", ""}) {
        const auto refused = weight_types(model, name);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::usage);
        EXPECT_NE(refused.error().message.find("there are: f32, f16, q4_0"), std::string::npos);
    }
}

}  // namespace
}  // namespace tuff::test
