#include "bench/selection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "backend/model/presets.hpp"
#include "bench/presets.hpp"
#include "bench/rotation.hpp"
#include "tests/backend/gguf_builder.hpp"

namespace tuff::bench {
namespace {

Selection selected(const SelectionOptions& options, const GgufFile* model = nullptr) {
    auto selection = select_cases(options, model, {});
    EXPECT_TRUE(selection) << selection.error().message;
    return std::move(*selection);
}

std::string refusal(const SelectionOptions& options) {
    const auto selection = select_cases(options, nullptr, {});
    if (selection) return "";
    EXPECT_EQ(selection.error().code, ErrorCode::usage);
    return selection.error().message;
}

TEST(Names, AreWhatIsBetweenCommas) {
    EXPECT_EQ(split_names(""), std::vector<std::string_view>{});
    EXPECT_EQ(split_names("q8_0"), std::vector<std::string_view>{"q8_0"});
    EXPECT_EQ(split_names(",kv4,f16,"), (std::vector<std::string_view>{"", "kv4", "f16", ""}));
    const auto formats = parse_cache_formats("q8_0,kv4,");
    ASSERT_FALSE(formats);
    EXPECT_EQ(formats.error().code, ErrorCode::usage);
}

TEST(Selection, WithoutOptionsHasRoofsAndBothOps) {
    const Selection all = selected({});
    EXPECT_TRUE(all.has(Op::copy));
    EXPECT_TRUE(all.has(Op::fma));
    EXPECT_EQ(std::ranges::count(all.products, Op::matvec, &BenchCase::op), 5);
    EXPECT_EQ(std::ranges::count(all.products, Op::matmul, &BenchCase::op), 5);
}

TEST(Selection, TakesEveryCombinationOfSizesAndNamesTheOpByTheTokens) {
    SelectionOptions options;
    options.formats = "q8_0,f16";
    options.m = {8, 16};
    options.n = {1, 8, 9};
    options.k = {64};
    const Selection some = selected(options);
    EXPECT_FALSE(some.has(Op::copy));
    ASSERT_EQ(some.products.size(), 12u);
    for (const BenchCase& one : some.products) EXPECT_EQ(one.op, one.shape.n <= 8 ? Op::matvec : Op::matmul);
    options.ops = "matmul";
    for (const BenchCase& one : selected(options).products) EXPECT_EQ(one.op, Op::matmul);
}

TEST(Selection, OnlyTheRoofsWhereOnlyTheyAreAskedFor) {
    SelectionOptions options;
    options.ops = "copy";
    const Selection roofs = selected(options);
    EXPECT_TRUE(roofs.has(Op::copy));
    EXPECT_FALSE(roofs.has(Op::fma));
    EXPECT_TRUE(roofs.products.empty());
}

TEST(Selection, RefusesWithTheChoices) {
    const auto with = [](const std::function<void(SelectionOptions&)>& change) {
        SelectionOptions options;
        change(options);
        return refusal(options);
    };
    EXPECT_NE(
        with([](auto& o) { o.ops = "matvec,conv"; }).find("'conv'; there are: matvec, matmul, matmul_id"),
        std::string::npos);
    EXPECT_NE(with([](auto& o) { o.formats = "q4_k,,"; }).find("unknown format ''"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.formats = "q9"; }).find("f32, f16"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.preset = "gpt-9"; }).find("llama-3.1-8b"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.n = {0}; }).find("n = 0"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.ops = "matvec", o.n = {9}; }).find("limit of matvec, 8"),
              std::string::npos);
    EXPECT_NE(with([](auto& o) { o.formats = "q4_k", o.k = {100}; }).find("multiple of 256"),
              std::string::npos);
    EXPECT_NE(with([](auto& o) { o.m = {std::uint64_t{1} << 40}; }).find("limits"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.preset = "qwen3-0.6b", o.m = {4}; }).find("--preset says m and k"),
              std::string::npos);
    EXPECT_NE(with([](auto& o) { o.preset = "qwen3-0.6b", o.model = "a.gguf"; }).find("exclude"),
              std::string::npos);
    EXPECT_NE(with([](auto& o) { o.tensors = {"attn"}; }).find("--tensor needs --model"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.ops = "fma", o.m = {4}; }).find("--op fma"), std::string::npos);
}

TEST(Selection, ProductsByExpertAreThoseAskedFor) {
    SelectionOptions options;
    options.ops = "matmul_id";
    options.experts = {8, 2};
    const Selection some = selected(options);
    ASSERT_EQ(some.experts.size(), 10u) << "five formats, a single token and many";
    EXPECT_EQ(some.experts.front().shape.experts, 8u);
    EXPECT_TRUE(some.products.empty());
    const auto with = [&](const std::function<void(SelectionOptions&)>& change) {
        SelectionOptions changed = options;
        change(changed);
        return refusal(changed);
    };
    EXPECT_NE(with([](auto& o) { o.ops = "matmul"; }).find("are for --op matmul_id"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.experts.used = 9; }).find("--used 9"), std::string::npos);
    EXPECT_NE(with([](auto& o) { o.preset = "qwen3-0.6b"; }).find("do not go with"), std::string::npos);
    EXPECT_TRUE(selected({}).experts.empty());
}

TEST(Selection, PresetsGiveTheirPartsByName) {
    SelectionOptions options;
    options.preset = "llama-3.1-8b";
    options.formats = "q4_k";
    const Selection layers = selected(options);
    ASSERT_EQ(layers.products.size(), 5u);
    EXPECT_EQ(layers.products[2].label, "ffn_gate, ffn_up");
    EXPECT_EQ(layers.products[2].shape.m, 14336u);
    EXPECT_EQ(layers.products[2].shape.k, 4096u);
}

TEST(Selection, EveryPresetIsAMatrixOfAtLeastOneFormat) {
    for (const ModelPreset& preset : model_presets()) {
        const auto model = preset_model(preset.name);
        ASSERT_TRUE(model) << model.error().message;
        for (const PresetPart& part : preset_parts(*model))
            EXPECT_TRUE(matrix_bytes(*find_format("q8_0"), Layout::blocks, {part.m, part.k, 1}))
                << preset.name << ' ' << part.name;
    }
}

TEST(Selection, APresetHasEachShapeOnceWithTheNamesThatShareIt) {
    using Parts = std::vector<PresetPart>;
    EXPECT_EQ(preset_parts(*preset_model("qwen3-0.6b")), (Parts{{"attn_q", 2048, 1024},
                                                                {"attn_k, attn_v", 1024, 1024},
                                                                {"attn_output", 1024, 2048},
                                                                {"ffn_gate, ffn_up", 3072, 1024},
                                                                {"ffn_down", 1024, 3072},
                                                                {"output", 151936, 1024}}));
    EXPECT_EQ(preset_parts(*preset_model("mixtral-8x7b"))[2],
              (PresetPart{"ffn_gate_exps, ffn_up_exps", 14336, 4096}));
}

TEST(Selection, TakesOneTensorOfEachShapeFromAModel) {
    test::GgufBuilder file;
    const std::uint64_t matrix[] = {64, 3}, row[] = {64};
    constexpr std::uint32_t kF32 = 0, kQ80 = 8, kQ81 = 9;
    file.header(5, 0);
    file.tensor("blk.0.attn_q.weight", matrix, kQ80, 0).tensor("blk.1.attn_q.weight", matrix, kQ80, 224);
    file.tensor("blk.0.norm", row, kF32, 448)
        .tensor("odd.weight", matrix, kQ81, 704)
        .tensor("plain.weight", matrix, kF32, 928)
        .pad();
    file.zeros(928 + 768);
    const auto model = GgufFile::parse(file.bytes(), "m.gguf");
    ASSERT_TRUE(model) << model.error().message;
    SelectionOptions options;
    options.model = "m.gguf";
    const Selection all = selected(options, &*model);
    ASSERT_EQ(all.products.size(), 3u);
    EXPECT_EQ(all.products[0].label, "blk.0.attn_q.weight and 1 more");
    EXPECT_EQ(all.products[0].shape.m, 3u);
    EXPECT_EQ(all.products[0].shape.k, 64u);
    EXPECT_EQ(all.products[1].unsupported, "no kernel for q8_1");
    EXPECT_EQ(all.products[2].format, find_format("f32"));

    options.tensors = {"blk.1"};
    const Selection one = selected(options, &*model);
    ASSERT_EQ(one.products.size(), 1u);
    EXPECT_EQ(one.products[0].label, "blk.1.attn_q.weight");

    options.tensors = {"nothing"};
    EXPECT_EQ(select_cases(options, &*model, {}).error().code, ErrorCode::usage);
}

TEST(Rotation, ExceedsTheCacheAndSparesMemory) {
    constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
    host::DeviceSnapshot gpu, cpu;
    gpu.type = host::DeviceType::discrete;
    cpu.type = host::DeviceType::cpu;
    EXPECT_EQ(choose_rotation(gpu, 4096 * kMiB, 32 * kMiB).bytes, 256 * kMiB);
    EXPECT_EQ(choose_rotation(gpu, 400 * kMiB, 0).bytes, 100 * kMiB);
    EXPECT_EQ(choose_rotation(cpu, 8192 * kMiB, 96 * kMiB).bytes, 192 * kMiB);
    EXPECT_EQ(choose_rotation(cpu, 8192 * kMiB, 4 * kMiB).bytes, 64 * kMiB);
    EXPECT_EQ(choose_rotation(cpu, 8192 * kMiB, 1024 * kMiB).bytes, 512 * kMiB);
}

}  // namespace
}  // namespace tuff::bench
