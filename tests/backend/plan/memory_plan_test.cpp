#include "backend/plan/memory_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <random>
#include <utility>

#include "backend/matmul_id_plan.hpp"
#include "backend/model/config.hpp"
#include "backend/model/presets.hpp"
#include "backend/plan/weight_types.hpp"
#include "backend/residency/expert_cache.hpp"
#include "tests/host/test_devices.hpp"

namespace tuff {
namespace {

using host::test::kGiB;
using host::test::kMiB;

host::DeviceSnapshot gpu() {
    return host::test::discrete_no_bar();
}

MemoryPlanOptions options(std::uint64_t context) {
    MemoryPlanOptions o;
    o.context = context;
    o.budget_bytes = 1024 * kGiB;
    return o;
}

MemoryPlan plan(std::string_view preset, std::string_view weights, const MemoryPlanOptions& o) {
    const auto model = preset_model(preset);
    EXPECT_TRUE(model) << model.error().message;
    const auto types = weight_types(*model, weights);
    EXPECT_TRUE(types) << types.error().message;
    auto got = plan_memory(*model, *types, gpu(), o);
    EXPECT_TRUE(got) << got.error().message;
    return got ? std::move(*got) : MemoryPlan{};
}

// As asked for, whatever is wise.
void set_cache(MemoryPlanOptions& o, const char* k, const char* v) {
    o.cache.k.format = find_cache_format(k);
    o.cache.v.format = find_cache_format(v);
    o.cache.guard_k_bias = false;
}

std::uint64_t cache(std::string_view preset, MemoryPlanOptions o, const char* k = "f16",
                    const char* v = nullptr) {
    set_cache(o, k, v ? v : k);
    const auto size = plan_cache(preset_model(preset)->shape, o);
    EXPECT_TRUE(size) << size.error().message;
    return size ? size->bytes() : 0;
}

TEST(MemoryPlan, WeightsTakeWhatTheirFilesTake) {
    EXPECT_EQ(plan("qwen2.5-7b", "q4_k_m", options(512)).weights.file_bytes, 4'677'120'000u);
    EXPECT_EQ(plan("qwen2.5-7b", "q8_0", options(512)).weights.file_bytes, 8'092'571'648u);
    EXPECT_EQ(plan("qwen2.5-7b", "f32", options(512)).weights.file_bytes, 7'615'616'512u * 4);
}

TEST(MemoryPlan, SevenBillionParametersInFloat32AreTwentyEightGigabytes) {
    Model model;
    model.tensors.push_back({"output.weight", {1'000'000, 7'000, 1, 1}, 2, nullptr});
    const auto types = weight_types(model, "f32");
    ASSERT_TRUE(types) << types.error().message;
    const auto weights = plan_weights(model, *types, Layout::planes, gpu());
    ASSERT_TRUE(weights) << weights.error().message;
    EXPECT_EQ(weights->file_bytes, 28'000'000'000u);
}

TEST(MemoryPlan, TheCacheOfQwen25At32KiTokens) {
    const MemoryPlanOptions o = options(32768);
    EXPECT_EQ(cache("qwen2.5-7b", o, "f16"), 1792 * kMiB);
    EXPECT_EQ(cache("qwen2.5-7b", o, "q8_0"), 952 * kMiB);
    EXPECT_EQ(cache("qwen2.5-7b", o, "q4_0"), 504 * kMiB);
    EXPECT_EQ(cache("qwen2.5-7b", o, "q8_0", "q4_0"), 728 * kMiB);
}

// What people measured as "about 7 and 3 GB".
TEST(MemoryPlan, FlashAttentionThenEightBitsSaveSevenAndThreeGigabytesWithFourSequences) {
    MemoryPlanOptions o = options(32768);
    o.sequences = 4;
    const MemoryPlan on = plan("qwen2.5-7b", "q4_k_m", o);
    o.flash_attention = false;
    const MemoryPlan off = plan("qwen2.5-7b", "q4_k_m", o);
    EXPECT_EQ(off.working.scores - on.working.scores, 7168 * kMiB);
    // What flash attention needs instead is part of the scratch.
    const auto without = [](const MemoryPlan& p) {
        return p.total_bytes - p.working.buffers - p.working.scratch;
    };
    EXPECT_EQ(without(off) - without(on), 7168 * kMiB);
    EXPECT_LT(on.working.scratch, 128 * kMiB);
    o.flash_attention = true;
    set_cache(o, "q8_0", "q8_0");
    const MemoryPlan small = plan("qwen2.5-7b", "q4_k_m", o);
    EXPECT_EQ(on.working.cache - small.working.cache, 3360 * kMiB);
}

TEST(MemoryPlan, EveryKindOfAttentionCachesWhatItNeeds) {
    const MemoryPlanOptions o = options(8192);
    EXPECT_EQ(cache("deepseek-v3", o), 8192u * 61 * 576 * 2);  // latents, once
    EXPECT_EQ(cache("qwen3-next-80b-a3b", o), 8192u * 12 * 2 * (256 + 256) * 2);
    // Half of the layers keep what a batch can still see of their window, from a whole tile on.
    EXPECT_EQ(cache("gemma-2-2b", o), (8192u + 4096 + 512 + 8) * 13 * 4 * (256 + 256) * 2);
    EXPECT_EQ(cache("gemma-2-2b", options(1024)), 1024u * 26 * 4 * (256 + 256) * 2);
    EXPECT_EQ(cache("qwen2.5-7b", options(1)), 8u * 28 * 4 * 256 * 2);  // whole tiles of positions
}

TEST(MemoryPlan, LayersThatShareACacheAreCountedOnce) {
    Hyperparameters shape = preset_model("qwen2.5-7b")->shape;
    const MemoryPlanOptions o = options(4096);
    const std::uint64_t all = plan_cache(shape, o)->bytes();
    for (std::size_t i = 21; i < 28; i++) shape.layers[i].owns_cache = false;
    EXPECT_EQ(plan_cache(shape, o)->bytes(), all / 28 * 21);
}

TEST(MemoryPlan, RecurrentStatesDoNotGrowWithTheContext) {
    MemoryPlanOptions o = options(1024);
    o.sequences = 2;
    const MemoryPlan small = plan("qwen3-next-80b-a3b", "q8_0", o);
    EXPECT_EQ(small.working.states, 2u * 36 * (3 * 8192 + 32 * 128 * 128) * 4);
    o.context = 100'000;
    EXPECT_EQ(plan("qwen3-next-80b-a3b", "q8_0", o).working.states, small.working.states);
}

TEST(MemoryPlan, ScratchServesTheProductsByExpert) {
    const host::DeviceSnapshot lanes = host::test::lane_device();  // packs activations, for each pair
    const auto model = preset_model("qwen3-30b-a3b");
    ASSERT_TRUE(model) << model.error().message;
    const auto types = weight_types(*model, "q8_0");
    ASSERT_TRUE(types) << types.error().message;
    const MemoryPlanOptions o = options(4096);
    const auto got = plan_memory(*model, *types, lanes, o);
    ASSERT_TRUE(got) << got.error().message;
    MatmulIdShape
        down;  // what takes the most: 8 of 128 experts for each token, with activations of their own
    down.m = 2048;
    down.k = 768;
    down.n = o.ubatch;
    down.experts = 128;
    down.used = 8;
    const auto product = plan_matmul_id(lanes, *find_format("q8_0"), preferred_layout(lanes), down);
    ASSERT_TRUE(product) << product.error().message;
    EXPECT_GE(got->working.product_scratch, product->scratch_bytes);
    EXPECT_GT(product->scratch_bytes, 512u * 8 * 768 * sizeof(float));
}

TEST(MemoryPlan, ItsPartsAddUp) {
    MemoryPlanOptions o = options(4096);
    o.flash_attention = false;
    const MemoryPlan got = plan("qwen3-8b", "q4_k_m", o);
    EXPECT_EQ(got.total_bytes, got.weights.device_bytes + got.working.total());
    EXPECT_EQ(got.device_bytes, got.total_bytes);
    EXPECT_EQ(got.residency.streamed_units, 0u);
    std::uint64_t types = 0;
    for (const TypeTotal& one : got.weights.types) types += one.bytes;
    EXPECT_EQ(types, got.weights.file_bytes);
    EXPECT_EQ(got.working.logits, 151936u * 4);
}

TEST(MemoryPlan, TheLongestContextFitsAndOneMoreDoesNot) {
    MemoryPlanOptions o = options(4096);
    o.budget_bytes = 8 * kGiB;
    const std::uint64_t most = plan("llama-3.1-8b", "q4_k_m", o).max_context;
    ASSERT_GT(most, 4096u);
    o.context = most;
    EXPECT_EQ(plan("llama-3.1-8b", "q4_k_m", o).residency.streamed_units, 0u);
    EXPECT_EQ(plan("llama-3.1-8b", "q4_k_m", o).max_context, most);
    o.context = most + 1;
    EXPECT_GT(plan("llama-3.1-8b", "q4_k_m", o).residency.streamed_units +
                  plan("llama-3.1-8b", "q4_k_m", o).residency.host_visible_units,
              0u);
    // Beyond it the embedding stays with the host, and then more fits.
    const std::uint64_t longer = plan("llama-3.1-8b", "q4_k_m", o).max_context;
    EXPECT_GT(longer, most + 1);
    o.context = longer;
    EXPECT_EQ(plan("llama-3.1-8b", "q4_k_m", o).residency.streamed_units, 0u);
    EXPECT_EQ(plan("llama-3.1-8b", "q4_k_m", o).residency.host_visible_units, 1u);
    o.context = longer + 1;
    EXPECT_GT(plan("llama-3.1-8b", "q4_k_m", o).residency.streamed_units, 0u);
    o.budget_bytes = 1024 * kGiB;
    EXPECT_EQ(plan("llama-3.1-8b", "q4_k_m", o).max_context, 131072u);
}

TEST(MemoryPlan, ACacheOfFewerBitsAllowsALongerContext) {
    MemoryPlanOptions o = options(1024);
    o.budget_bytes = 8 * kGiB;
    const std::uint64_t f16 = plan("llama-3.1-8b", "q4_k_m", o).max_context;
    set_cache(o, "q8_0", "q8_0");
    const std::uint64_t q8_0 = plan("llama-3.1-8b", "q4_k_m", o).max_context;
    EXPECT_NEAR(static_cast<double>(q8_0) / static_cast<double>(f16), 16 / 8.5, 0.01);
}

TEST(MemoryPlan, SaysTheSmallestBudgetThatWorksAndThatWorks) {
    const Model model = *preset_model("llama-3.1-8b");
    const auto types = *weight_types(model, "q4_k_m");
    MemoryPlanOptions o = options(4096);
    o.budget_bytes = 64 * kMiB;
    const auto refused = plan_memory(model, types, gpu(), o);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::out_of_device_memory);
    const std::string& text = refused.error().message;
    const std::string before = "the smallest budget that works is ";
    ASSERT_NE(text.find(before), std::string::npos) << text;
    o.budget_bytes = std::stoull(text.substr(text.find(before) + before.size()));
    const auto least = plan_memory(model, types, gpu(), o);
    ASSERT_TRUE(least) << least.error().message;
    EXPECT_LE(least->device_bytes, o.budget_bytes);
    EXPECT_EQ(least->residency.resident_units, 1u);
    o.budget_bytes--;
    EXPECT_FALSE(plan_memory(model, types, gpu(), o));
}

TEST(MemoryPlan, NeverPlansMoreThanTheBudget) {
    for (const char* preset : {"llama-3.1-8b", "mixtral-8x7b", "gpt-oss-20b", "gemma-2-2b"}) {
        const Model model = *preset_model(preset);
        const auto types = *weight_types(model, "q4_k_m");
        std::uint64_t fewer = 0;
        for (MemoryPlanOptions o = options(2048); o.budget_bytes > 0;
             o.budget_bytes = o.budget_bytes / 5 * 4) {
            const auto got = plan_memory(model, types, gpu(), o);
            if (!got) break;
            EXPECT_LE(got->device_bytes, o.budget_bytes) << preset;
            EXPECT_GE(got->residency.streamed_units, fewer) << preset << ' ' << o.budget_bytes;
            fewer = got->residency.streamed_units;
        }
        EXPECT_GT(fewer, 0u) << preset;
    }
}

// What the formula says of experts that choose at random, beside the cache that they really pass through.
TEST(MemoryPlan, ForeseesHowManyExpertsAreBrought) {
    for (const auto& [preset, gib] :
         {std::pair{"mixtral-8x7b", 20}, {"mixtral-8x7b", 4}, {"qwen3-30b-a3b", 14}, {"qwen3-30b-a3b", 8}}) {
        SCOPED_TRACE(testing::Message() << preset << " in " << gib << " GiB");
        MemoryPlanOptions o = options(1024);
        o.budget_bytes = gib * kGiB;
        const MemoryPlan planned = plan(preset, "q4_k_m", o);
        ASSERT_GT(planned.residency.expert_slots, 0u);
        ExpertCache cache(static_cast<std::uint32_t>(planned.residency.expert_slots));
        std::mt19937_64 random(3);
        std::uint64_t misses_before = 0, fetched = 0;
        double all_bytes = 0;
        for (int pass = 0; pass < 150; pass++) {
            if (pass == 100) misses_before = cache.misses();
            std::uint64_t first = 0;
            for (const PlacedUnit& placed : planned.residency.units) {
                if (placed.unit.kind != UnitKind::experts) {
                    ASSERT_EQ(placed.streamed, 0u);
                    continue;
                }
                std::vector<std::uint64_t> experts(placed.unit.count), chosen;
                std::iota(experts.begin(), experts.end(), first);
                std::ranges::sample(experts, std::back_inserter(chosen),
                                    static_cast<std::ptrdiff_t>(placed.unit.used), random);
                ASSERT_TRUE(cache.fetch(chosen));
                first += placed.unit.count;
                if (pass < 100) continue;
                fetched += chosen.size();
                all_bytes += static_cast<double>(placed.unit.used * placed.unit.bytes);
            }
        }
        EXPECT_NEAR(planned.decode_work.bus_bytes / (all_bytes / 50),
                    static_cast<double>(cache.misses() - misses_before) / static_cast<double>(fetched), 0.05);
    }
}

TEST(MemoryPlan, RefusesWhatNoModelCanDo) {
    const Model model = *preset_model("qwen3-8b");
    const auto types = *weight_types(model, "q8_0");
    const auto refused = [&](auto change) {
        MemoryPlanOptions o = options(1024);
        change(o);
        const auto got = plan_memory(model, types, gpu(), o);
        EXPECT_FALSE(got);
        EXPECT_EQ(got ? ErrorCode::internal : got.error().code, ErrorCode::usage);
        return got ? "" : got.error().message;
    };
    EXPECT_EQ(refused([](MemoryPlanOptions& o) { o.context = 40961; }),
              "a context of 40961 tokens is beyond the 40960 positions of qwen3-8b");
    EXPECT_EQ(refused([](MemoryPlanOptions& o) { o.context = 0; }), "a context of 0 tokens");
    EXPECT_EQ(refused([](MemoryPlanOptions& o) { o.sequences = 0; }), "0 sequences are not between 1 and 64");
    EXPECT_EQ(refused([](MemoryPlanOptions& o) { o.ubatch = 0; }), "a batch of 0 tokens");
    EXPECT_NE(refused([](MemoryPlanOptions& o) { o.ubatch = 1 << 20; }).find("beyond this device's limit"),
              std::string::npos);
}

TEST(MemoryPlan, KeysWithABiasStayPreciseAndThePlanSaysSo) {
    MemoryPlanOptions o = options(4096);
    set_cache(o, "q4_0", "q4_0");
    o.cache.guard_k_bias = true;
    const MemoryPlan guarded = plan("qwen2.5-7b", "q4_k_m", o);
    EXPECT_EQ(guarded.cache.notes.size(), 1u);
    o.cache.guard_k_bias = false;
    const MemoryPlan asked = plan("qwen2.5-7b", "q4_k_m", o);
    EXPECT_TRUE(asked.cache.notes.empty());
    EXPECT_GT(guarded.working.cache, asked.working.cache);
    EXPECT_EQ(asked.working.cache, 63 * kMiB);
}

TEST(MemoryPlan, HugeModelsAreRefusedInsteadOfWrapping) {
    const auto model = parse_config(
        R"({"model_type": "mixtral", "num_hidden_layers": 1024, "hidden_size": 4194304,
            "intermediate_size": 4194304, "num_attention_heads": 4096, "head_dim": 1024, "vocab_size": 16777216,
            "num_local_experts": 4096, "num_experts_per_tok": 4096, "max_position_embeddings": 1073741824})",
        "huge");
    ASSERT_TRUE(model) << model.error().message;
    MemoryPlanOptions o = options(1 << 30);
    o.sequences = 64;
    EXPECT_FALSE(plan_cache(model->shape, o));
    o.sequences = 1;
    const auto types = weight_types(*model, "f32");
    const auto got = plan_memory(*model, *types, gpu(), o);
    EXPECT_FALSE(got);
}

}  // namespace
}  // namespace tuff
