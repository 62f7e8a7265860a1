#include "backend/model/gguf_model.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/backend/gguf_builder.hpp"

namespace tuff {
namespace {

using Numbers = std::vector<std::uint32_t>;

// A file of metadata and small f32 tensors; values of a kind are added in the order of the calls.
class File {
  public:
    explicit File(std::string architecture) : architecture_(std::move(architecture)) {
        text("general.architecture", architecture_);
        tensor("token_embd.weight", {64, 100});
    }
    // The four keys that every model has.
    File& usual(std::uint32_t layers = 2) {
        return number("block_count", layers)
            .number("embedding_length", 64)
            .number("context_length", 512)
            .number("attention.head_count", 4);
    }
    File& number(std::string name, std::uint32_t value) {
        keys_.push_back(
            [key = full(name), value](test::GgufBuilder& out) { out.key(key, GgufType::u32).put(value); });
        return *this;
    }
    File& numbers(std::string name, const Numbers& values, GgufType type = GgufType::u32) {
        keys_.push_back([key = full(name), values, type](test::GgufBuilder& out) {
            out.key(key, GgufType::array).put(static_cast<std::uint32_t>(type));
            out.put(std::uint64_t{values.size()});
            for (const std::uint32_t value : values)
                if (type == GgufType::boolean)
                    out.put(static_cast<std::uint8_t>(value));
                else
                    out.put(value);
        });
        return *this;
    }
    File& text(std::string name, std::string value) {
        keys_.push_back([name = std::move(name), value = std::move(value)](test::GgufBuilder& out) {
            out.key(name, GgufType::string).text(value);
        });
        return *this;
    }
    File& tensor(std::string name, std::vector<std::uint64_t> dims) {
        tensors_.push_back({std::move(name), std::move(dims)});
        return *this;
    }
    [[nodiscard]] Result<Model> read() const {
        test::GgufBuilder out;
        out.header(tensors_.size(), keys_.size());
        for (const auto& key : keys_) key(out);
        std::uint64_t offset = 0;
        for (const auto& [name, dims] : tensors_) {
            std::uint64_t bytes = 4;
            for (const std::uint64_t dim : dims) bytes *= dim;
            out.tensor(name, dims, 0, offset);
            offset += (bytes + 31) / 32 * 32;
        }
        out.pad().zeros(offset);
        const auto file = GgufFile::parse(out.bytes(), "m.gguf");
        if (!file) return std::unexpected(file.error());
        return gguf_model(*file);
    }
    // The model of a file that is right.
    [[nodiscard]] Model model() const {
        auto got = read();
        EXPECT_TRUE(got) << got.error().message;
        return got ? std::move(*got) : Model{};
    }

  private:
    [[nodiscard]] std::string full(const std::string& name) const { return architecture_ + "." + name; }
    std::string architecture_;
    std::vector<std::function<void(test::GgufBuilder&)>> keys_;
    std::vector<std::pair<std::string, std::vector<std::uint64_t>>> tensors_;
};

template <class T>
std::vector<T> of_layers(const Model& model, T LayerShape::*member) {
    std::vector<T> list;
    for (const LayerShape& layer : model.shape.layers) list.push_back(layer.*member);
    return list;
}
using List = std::vector<std::uint64_t>;

TEST(GgufModel, TakesDefaultsFromWhatIsThere) {
    const Model model = File("llama").usual().model();
    EXPECT_EQ(model.shape.embedding, 64u);
    EXPECT_EQ(model.shape.vocabulary, 100u);
    EXPECT_EQ(model.shape.positions, 512u);
    EXPECT_TRUE(model.shape.tied_embeddings);
    EXPECT_EQ(of_layers(model, &LayerShape::kv_heads), (List{4, 4}));
    EXPECT_EQ(of_layers(model, &LayerShape::key_size), (List{16, 16}));
    ASSERT_EQ(model.tensors.size(), 1u);
    EXPECT_EQ(model.tensors[0].type->name, "f32");
    EXPECT_FALSE(File("llama").usual().tensor("output.weight", {64, 100}).model().shape.tied_embeddings);
}

TEST(GgufModel, ReadsHeadSizesAndCountsThatDifferByLayer) {
    const Model model = File("llama")
                            .usual(3)
                            .numbers("attention.head_count_kv", {2, 4, 1})
                            .number("attention.key_length", 32)
                            .number("attention.value_length", 24)
                            .model();
    EXPECT_EQ(of_layers(model, &LayerShape::kv_heads), (List{2, 4, 1}));
    EXPECT_EQ(of_layers(model, &LayerShape::key_size), (List{32, 32, 32}));
    EXPECT_EQ(of_layers(model, &LayerShape::value_size), (List{24, 24, 24}));
}

TEST(GgufModel, CachesTheLatentOfMultiHeadLatentAttention) {
    const Model model = File("deepseek2")
                            .usual()
                            .number("attention.kv_lora_rank", 512)
                            .number("rope.dimension_count", 64)
                            .number("attention.key_length", 192)
                            .model();
    EXPECT_EQ(of_layers(model, &LayerShape::kv_heads), (List{1, 1}));
    EXPECT_EQ(of_layers(model, &LayerShape::key_size), (List{576, 576}));
    EXPECT_EQ(of_layers(model, &LayerShape::value_size), (List{0, 0}));
    EXPECT_EQ(of_layers(model, &LayerShape::latent_size), (List{512, 512}));
}

TEST(GgufModel, KnowsWhichLayersSlide) {
    const auto windows = [](File file) { return of_layers(file.model(), &LayerShape::window); };
    const auto of = [](const char* architecture) {
        return File(architecture).usual(4).number("attention.sliding_window", 256);
    };
    EXPECT_EQ(windows(of("gpt-oss")), (List{256, 0, 256, 0}));
    EXPECT_EQ(windows(File("gemma2").usual(4)), (List{4096, 0, 4096, 0}));
    EXPECT_EQ(windows(of("gemma3").number("attention.sliding_window_pattern", 3)), (List{256, 256, 0, 256}));
    EXPECT_EQ(
        windows(of("gemma4").numbers("attention.sliding_window_pattern", {1, 0, 0, 1}, GgufType::boolean)),
        (List{256, 0, 0, 256}));
    EXPECT_EQ(windows(of("phi3")), List(4, 0));
    EXPECT_EQ(windows(of("llama")), List(4, 0));
    EXPECT_EQ(of("llama").model().notes.size(), 1u);
}

TEST(GgufModel, SlidingLayersMayHaveHeadsOfAnotherSize) {
    const Model model = File("gemma4")
                            .usual(3)
                            .number("attention.sliding_window", 256)
                            .number("attention.key_length", 64)
                            .number("attention.key_length_swa", 32)
                            .numbers("attention.sliding_window_pattern", {1, 0, 1}, GgufType::boolean)
                            .number("attention.shared_kv_layers", 1)
                            .model();
    EXPECT_EQ(of_layers(model, &LayerShape::key_size), (List{32, 64, 32}));
    EXPECT_EQ(of_layers(model, &LayerShape::owns_cache), (std::vector<bool>{true, true, false}));
}

TEST(GgufModel, RecurrentLayersKeepAStateAndNoCache) {
    File file("qwen3next");
    file.usual()
        .number("ssm.conv_kernel", 4)
        .number("ssm.inner_size", 32)
        .number("ssm.state_size", 8)
        .number("ssm.group_count", 2)
        .tensor("blk.0.attn_qkv.weight", {64, 64})
        .tensor("blk.0.ssm_out.weight", {32, 64})
        .tensor("blk.1.attn_k.weight", {64, 64});
    EXPECT_EQ(of_layers(file.model(), &LayerShape::kv_heads), (List{0, 4}));
    EXPECT_EQ(of_layers(file.model(), &LayerShape::state_floats), (List{3 * (32 + 2 * 2 * 8) + 32 * 8, 0}));
    const Model by_count = File("lfm2").usual().numbers("attention.head_count_kv", {0, 2}).model();
    EXPECT_EQ(of_layers(by_count, &LayerShape::kv_heads), (List{0, 2}));
}

TEST(GgufModel, OnlyLayersWithARouterHaveExperts) {
    const Model model = File("deepseek2")
                            .usual()
                            .number("expert_count", 8)
                            .number("expert_used_count", 2)
                            .tensor("blk.1.ffn_gate_inp.weight", {64, 8})
                            .model();
    EXPECT_EQ(of_layers(model, &LayerShape::experts), (List{0, 8}));
    EXPECT_EQ(of_layers(model, &LayerShape::experts_used), (List{0, 2}));
}

void expect_refused(const File& file, ErrorCode code, std::string_view message) {
    const auto got = file.read();
    ASSERT_FALSE(got) << message;
    EXPECT_EQ(got.error().code, code) << got.error().message;
    EXPECT_NE(got.error().message.find(message), std::string::npos) << got.error().message;
    EXPECT_NE(got.error().message.find("m.gguf"), std::string::npos) << got.error().message;
}

TEST(GgufModel, NamesTheKeyOfEveryBadValue) {
    const auto bad = [](const File& file, std::string_view message) {
        expect_refused(file, ErrorCode::malformed, message);
    };
    bad(File("llama"), "'llama.block_count' is missing");
    bad(File("llama").number("block_count", 0), "'llama.block_count' is 0, not between 1 and 1024");
    bad(File("llama").usual(1 << 30), "'llama.block_count' is 1073741824");
    bad(File("llama").number("block_count", 1).number("embedding_length", 0), "'llama.embedding_length'");
    bad(File("llama").usual().numbers("attention.head_count_kv", {1, 2, 4}), "has 3 numbers for 2 layers");
    bad(File("llama").usual().numbers("attention.head_count_kv", {1, 99999}),
        "'llama.attention.head_count_kv' has 99999, not a number from 0 to 4096");
    bad(File("llama").usual().number("attention.head_count_kv", 3), "layer 0 has 4 attention heads");
    bad(File("llama").usual().number("attention.key_length", 70000), "'llama.attention.key_length' is 70000");
    bad(File("llama").usual().number("expert_count", 8), "'llama.expert_used_count' is missing");
    bad(File("llama").usual().number("attention.shared_kv_layers", 2), "is 2 of 2 layers");
    bad(File("llama").usual().text("llama.attention.kv_lora_rank", "x"), "llama.attention.kv_lora_rank");
}

TEST(GgufModel, RefusesWhatIsNoModelOrOnlyAPartOfOne) {
    expect_refused(File("llama").usual().text("general.type", "adapter"), ErrorCode::unsupported,
                   "'general.type' is 'adapter'");
    expect_refused(File("clip").text("general.type", "mmproj"), ErrorCode::unsupported, "not a model");
}

}  // namespace
}  // namespace tuff
