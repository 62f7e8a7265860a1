#include "bench/statistics.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace tuff::bench {
namespace {

TEST(Statistics, SummarizesByRank) {
    const std::vector<double> samples{5, 1, 4, 2, 3, 1000};
    const Summary summary = summarize(samples);
    EXPECT_EQ(summary.count, 6u);
    EXPECT_EQ(summary.minimum, 1);
    EXPECT_EQ(summary.median, 3.5);
    EXPECT_EQ(summary.p10, 1.5);
    EXPECT_EQ(summary.p90, 502.5);
    EXPECT_EQ(summary.spread(), (502.5 - 1.5) / 2);
}

TEST(Statistics, OfOneSampleIsThatSampleAndOfNoneZero) {
    const std::vector<double> one{7};
    EXPECT_EQ(summarize(one).median, 7);
    EXPECT_EQ(summarize(one).spread(), 0);
    EXPECT_EQ(summarize({}).count, 0u);
    EXPECT_EQ(summarize({}).median, 0);
}

TEST(Statistics, MannWhitneyIsExactForSmallSets) {
    // Of the 252 orders of 5 and 5 samples, one at each end separates them completely.
    const std::vector<double> low{1, 2, 3, 4, 5}, high{6, 7, 8, 9, 10};
    EXPECT_NEAR(mann_whitney_p(low, high), 2.0 / 252, 1e-12);
    EXPECT_NEAR(mann_whitney_p(high, low), 2.0 / 252, 1e-12);
    // U = 1: two of the 20 orders of 3 and 3 have at most that, at either end.
    const std::vector<double> a{1, 2, 4}, b{3, 5, 6};
    EXPECT_NEAR(mann_whitney_p(a, b), 4.0 / 20, 1e-12);
}

TEST(Statistics, MannWhitneySeesNoDifferenceBetweenEqualSets) {
    const std::vector<double> same{3, 3, 3, 3}, mixed_a{1, 4, 5, 8}, mixed_b{2, 3, 6, 7};
    EXPECT_EQ(mann_whitney_p(same, same), 1);
    EXPECT_EQ(mann_whitney_p(mixed_a, mixed_b), 1);
    EXPECT_EQ(mann_whitney_p({}, same), 1);
}

TEST(Statistics, MannWhitneyApproximatesLargeSets) {
    std::vector<double> a, b, shifted;
    for (int i = 0; i < 50; i++) {
        a.push_back(i * 7 % 50);
        b.push_back(i * 11 % 50 + 0.5);
        shifted.push_back(i * 11 % 50 + 20.5);
    }
    EXPECT_GT(mann_whitney_p(a, b), 0.5);
    EXPECT_LT(mann_whitney_p(a, shifted), 1e-6);
}

}  // namespace
}  // namespace tuff::bench
