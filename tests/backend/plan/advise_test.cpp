#include "backend/plan/advise.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "backend/model/presets.hpp"
#include "backend/plan/weight_types.hpp"
#include "tests/host/test_devices.hpp"

namespace tuff {
namespace {

using host::test::kGiB;

Advice advice(std::string_view preset, std::uint64_t budget, std::uint64_t context = 8192) {
    MemoryPlanOptions options;
    options.context = context;
    options.budget_bytes = budget;
    options.rates = {500, 20, 20000};
    const auto got = advise(*preset_model(preset), host::test::discrete_no_bar(), options);
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : Advice{};
}

TEST(Advise, TablesKnowTheirFormatsAndAreSorted) {
    const Model model = *preset_model("llama-3.1-8b");
    EXPECT_TRUE(std::ranges::is_sorted(weight_qualities(), {}, &WeightQuality::loss_percent));
    EXPECT_TRUE(std::ranges::is_sorted(cache_qualities(), {}, &CacheQuality::loss_percent));
    for (const CacheQuality& one : cache_qualities()) {
        EXPECT_NE(find_cache_format(one.k), nullptr);
        EXPECT_NE(find_cache_format(one.v), nullptr);
    }
}

TEST(Advise, ListsOnlyWhatFitsEachSmallerThanWhatIsBetterButForTheStart) {
    const Advice got = advice("llama-3.1-8b", 8 * kGiB);
    ASSERT_FALSE(got.candidates.empty());
    for (std::size_t i = 0; i < got.candidates.size(); i++) {
        const Candidate& one = got.candidates[i];
        EXPECT_TRUE(one.all_resident);
        EXPECT_LE(one.total_bytes, 8 * kGiB);
        EXPECT_LE(one.device_bytes, 8 * kGiB);
        EXPECT_GE(one.max_context, 8192u);
        EXPECT_GT(one.decode.tokens_per_second, 0);
        if (i == 0) continue;
        EXPECT_GT(one.loss_percent, got.candidates[i - 1].loss_percent);
        if (i == got.start) continue;
        for (std::size_t better = 0; better < i; better++) {
            EXPECT_LT(one.total_bytes, got.candidates[better].total_bytes);
        }
    }
}

TEST(Advise, LeavesTheEmbeddingOnTheHostWhereOnlyTheRestFits) {
    const Advice got = advice("llama-3.1-8b", 8 * kGiB, 16384);
    ASSERT_FALSE(got.candidates.empty());
    const Candidate& best = got.candidates[0];
    EXPECT_EQ(best.weights, "q6_k");
    EXPECT_TRUE(best.all_resident);
    EXPECT_TRUE(best.tables_on_host);
    EXPECT_GT(best.total_bytes, 8 * kGiB);
    for (const Candidate& one : got.candidates) {
        EXPECT_LE(one.device_bytes, 8 * kGiB);
        EXPECT_GE(one.max_context, 16384u);
    }
}

TEST(Advise, StartsWithQ4KMAndTheBestCacheBesideIt) {
    const Advice got = advice("llama-3.1-8b", 8 * kGiB);
    ASSERT_TRUE(got.start);
    EXPECT_EQ(got.candidates[*got.start].weights, "q4_k_m");
    EXPECT_EQ(got.candidates[*got.start].cache_k, "f16");
    ASSERT_GE(got.moves.size(), 2u);
    EXPECT_NE(got.moves[0].find("Start with q4_k_m with a cache of f16"), std::string::npos);
    EXPECT_NE(got.moves[1].find("go up to "), std::string::npos) << got.moves[1];
}

TEST(Advise, AStartWithLessWhereTheUsualDoesNotFit) {
    const Advice tight = advice("llama-3.1-8b", 6 * kGiB, 16384);
    ASSERT_TRUE(tight.start);
    EXPECT_NE(tight.candidates[*tight.start].cache_k, "f16");
    // Nothing fits wholly: the same list, streamed.
    const Advice streamed = advice("llama-3.1-70b", 8 * kGiB);
    ASSERT_TRUE(streamed.start);
    EXPECT_FALSE(streamed.candidates[*streamed.start].all_resident);
    EXPECT_NE(streamed.moves[0].find("streamed"), std::string::npos);
    const Advice nothing = advice("llama-3.1-70b", kGiB / 4);
    EXPECT_FALSE(nothing.start);
    EXPECT_TRUE(nothing.candidates.empty());
    EXPECT_NE(nothing.moves[0].find("Nothing fits"), std::string::npos);
}

TEST(Advise, NeverOffersFourBitKeysToModelsWhoseKeysHaveLargeOffsets) {
    for (const Candidate& one : advice("qwen2.5-7b", 5 * kGiB).candidates) EXPECT_NE(one.cache_k, "q4_0");
    EXPECT_TRUE(std::ranges::any_of(advice("qwen3-8b", 24 * kGiB).candidates,
                                    [](const Candidate& one) { return one.cache_k == "q4_0"; }));
}

TEST(Advise, TellsMistakesThatNoFormatMends) {
    MemoryPlanOptions options;
    options.context = 1 << 20;
    options.budget_bytes = 8 * kGiB;
    const auto got = advise(*preset_model("qwen3-8b"), host::test::discrete_no_bar(), options);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::usage);
    EXPECT_NE(got.error().message.find("beyond the 40960 positions"), std::string::npos);
}

}  // namespace
}  // namespace tuff
