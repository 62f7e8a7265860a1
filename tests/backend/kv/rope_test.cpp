#include "backend/kv/rope.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace tuff::test {
namespace {

// The largest difference from the turned head in extended precision, over the largest value.
double worst_error(const RopeOptions& options, std::int32_t position) {
    const Rope rope = *Rope::make(options);
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> head(options.dims + 8);
    for (float& value : head) value = normal(random);
    std::vector<float> turned = head;
    rope.apply(position, turned);
    double worst = 0;
    for (std::uint32_t j = 0; j < options.dims / 2; j++) {
        const bool halves = options.style == RopeStyle::halves;
        const std::size_t a = halves ? j : 2 * j, b = halves ? j + options.dims / 2 : 2 * j + 1;
        const long double angle = position * options.scale *
                                  std::pow(static_cast<long double>(options.base), -2.0L * j / options.dims);
        const long double c = std::cos(angle), s = std::sin(angle), r = std::hypot(head[a], head[b]);
        worst = std::max(worst, static_cast<double>(std::fabs(turned[a] - (head[a] * c - head[b] * s)) / r));
        worst = std::max(worst, static_cast<double>(std::fabs(turned[b] - (head[a] * s + head[b] * c)) / r));
    }
    for (std::size_t i = options.dims; i < head.size(); i++) EXPECT_EQ(turned[i], head[i]);
    return worst;
}

TEST(Rope, IsExactToRoundingAtAnyPosition) {
    for (const RopeStyle style : {RopeStyle::neighbours, RopeStyle::halves})
        for (const double base : {10000.0, 1000000.0})
            for (const std::int32_t position : {0, 1, 7, 1000, 131071, 9999991, -131072}) {
                // Cosine and sine to 1.5 units of 2^-24, then two products and a sum.
                EXPECT_LT(worst_error({style, 128, base}, position), 5 * 0x1p-24) << base << ' ' << position;
                EXPECT_LT(worst_error({style, 96, base, 0.25}, position), 5 * 0x1p-24);
            }
}

TEST(Rope, TurnsBack) {
    const Rope rope = *Rope::make({RopeStyle::halves, 64});
    std::vector<float> head(64, 1.5F);
    rope.apply(12345, head);
    rope.apply(-12345, head);
    for (const float value : head) EXPECT_NEAR(value, 1.5F, 1e-6F);
}

TEST(Rope, DividesFrequenciesByFactors) {
    const std::vector<float> factors(32, 2.0F);
    const Rope plain = *Rope::make({RopeStyle::halves, 64, 10000, 0.5}),
               divided = *Rope::make({RopeStyle::halves, 64, 10000, 1, 1, factors});
    EXPECT_EQ(plain.turns, divided.turns);
}

TEST(Rope, RefusesWhatCannotTurn) {
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 0}));
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 7}));
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 64, 0}));
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 64, 10000, std::numeric_limits<double>::infinity()}));
    const std::vector<float> zeros(32, 0.0F);
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 64, 10000, 1, 1, zeros}));
    EXPECT_FALSE(Rope::make({RopeStyle::halves, 32, 10000, 1, 1, zeros}));
}

}  // namespace
}  // namespace tuff::test
