#include "backend/reference/matmul.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/backend/random_blocks.hpp"

namespace tuff::reference::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

DotProduct dot(const std::vector<float>& w, const std::vector<float>& x) {
    return dot_row(*find_format("f32"), reinterpret_cast<const std::byte*>(w.data()), w.size(), x.data(),
                   x.size(), 1)[0];
}

TEST(Reference, SumsProductsAndTheirMagnitudes) {
    const DotProduct d = dot({1, -2, 3}, {10, 20, 30});
    EXPECT_EQ(d.value, 60);
    EXPECT_EQ(d.magnitude, 140);
}

TEST(Reference, AcceptsRoundingAndRefusesALostProduct) {
    std::mt19937_64 random(3);
    const std::uint64_t k = 512;
    const auto w = tuff::test::random_floats(k, random), x = tuff::test::random_floats(k, random);
    const DotProduct exact = dot(w, x);
    float sum = 0, lost = 0;
    for (std::uint64_t i = 0; i < k; i++) {
        sum += w[i] * x[i];
        if (i != 100) lost += w[i] * x[i];
    }
    EXPECT_LE(error_over_bound(sum, exact, k + 1), 1);
    EXPECT_GT(error_over_bound(lost, exact, k + 1), 1);
}

TEST(Reference, CountsTheMagnitudeBeforeAnOffsetIsTakenAway) {
    std::mt19937_64 random(4);
    const Format& q4_0 = *find_format("q4_0");
    std::vector<std::byte> block = tuff::test::random_blocks(q4_0, 32, random);
    for (std::size_t i = 2; i < block.size(); i++) block[i] = std::byte{0x88};  // every code 8: every value 0
    const std::vector<float> x(32, 1.0f);
    const DotProduct d = dot_row(q4_0, block.data(), 32, x.data(), 32, 1)[0];
    EXPECT_EQ(d.value, 0);
    EXPECT_GT(d.magnitude, 0);
}

TEST(Reference, WantsNonFiniteResultsExactlyWhereTheExactOnesAre) {
    const DotProduct finite = dot({1}, {2}), infinite = dot({1}, {kInfinity});
    EXPECT_EQ(error_over_bound(2, finite, 1), 0);
    EXPECT_EQ(error_over_bound(kInfinity, finite, 1), kInfinity);
    EXPECT_EQ(error_over_bound(kInfinity, infinite, 1), 0);
    EXPECT_EQ(error_over_bound(std::nanf(""), infinite, 1), 0);
    EXPECT_EQ(error_over_bound(5, infinite, 1), kInfinity);
}

TEST(Reference, AllowsOverflowOnlyWherePartialSumsMayOverflow) {
    const float big = std::numeric_limits<float>::max();
    EXPECT_EQ(error_over_bound(kInfinity, dot({big, -big}, {1, 1}), 2), 0);
    EXPECT_EQ(error_over_bound(kInfinity, dot({big / 1e6f}, {1}), 2), kInfinity);
}

TEST(Reference, AllowsSubnormalsToBeFlushed) {
    const float tiny = std::numeric_limits<float>::denorm_min();
    EXPECT_LE(error_over_bound(0, dot({tiny}, {1}), 1), 1);
}

}  // namespace
}  // namespace tuff::reference::test
