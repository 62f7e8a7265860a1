#include "bench/operands.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace tuff::bench {
namespace {

std::vector<float> decoded(const Format& format, const MatrixShape& shape, Data data,
                           std::uint64_t seed = 1) {
    const auto blocks = random_weights(format, shape, data, seed);
    std::vector<float> values(shape.rows * shape.elements * shape.batches);
    const std::uint64_t row = shape.elements / format.type().block_elements * format.type().block_bytes;
    for (std::uint64_t r = 0; r < shape.rows * shape.batches; r++)
        format.decode(blocks.data() + r * row, shape.elements, values.data() + r * shape.elements);
    return values;
}

TEST(Operands, RandomWeightsOfEveryFormatAreFiniteAndVaried) {
    for (const Format* format : formats()) {
        const auto values = decoded(*format, {8, 512, 2}, Data::ordinary);
        EXPECT_TRUE(std::ranges::all_of(values, [](float v) {
            return std::isfinite(v) && std::fabs(v) < 1e5f;
        })) << format->name;
        EXPECT_TRUE(std::ranges::any_of(values, [](float v) { return v < 0; })) << format->name;
        EXPECT_TRUE(std::ranges::any_of(values, [](float v) { return v > 0; })) << format->name;
    }
}

TEST(Operands, AreTheSameForTheSameSeed) {
    const Format& format = *find_format("q6_k");
    const MatrixShape shape{4, 256, 1};
    EXPECT_EQ(random_weights(format, shape, Data::ordinary, 5),
              random_weights(format, shape, Data::ordinary, 5));
    EXPECT_NE(random_weights(format, shape, Data::ordinary, 5),
              random_weights(format, shape, Data::ordinary, 6));
}

TEST(Operands, InfiniteWeightsLeaveSomeRowsFinite) {
    for (const Format* format : formats()) {
        const auto values = decoded(*format, {9, 1024, 1}, Data::infinite);
        for (int row = 0; row < 9; row++) {
            const bool finite = std::all_of(values.begin() + row * 1024, values.begin() + (row + 1) * 1024,
                                            [](float v) { return std::isfinite(v); });
            if (row % 3 != 1) {
                EXPECT_TRUE(finite) << format->name << row;
            }
        }
        const bool has_infinity = format->name != "nvfp4";  // UE4M3 scales end at 448
        EXPECT_EQ(std::ranges::any_of(values, [](float v) { return !std::isfinite(v); }), has_infinity)
            << format->name;
    }
}

TEST(Operands, SubnormalWeightsHaveSubnormalScales) {
    const auto blocks = random_weights(*find_format("q8_0"), {4, 1024, 1}, Data::subnormal, 1);
    int subnormal = 0;
    for (std::size_t at = 0; at < blocks.size(); at += 34) {
        const unsigned half =
            std::to_integer<unsigned>(blocks[at]) | std::to_integer<unsigned>(blocks[at + 1]) << 8;
        subnormal += (half & 0x7c00u) == 0 && (half & 0x3ffu) != 0;
    }
    EXPECT_GT(subnormal, 5);
}

TEST(Operands, GapsBetweenActivationsAreNan) {
    MatmulShape shape;
    shape.m = 1;
    shape.n = 2;
    shape.k = 3;
    shape.batches = 2;
    shape.x_stride = 5;
    const auto x = random_activations(shape, Data::ordinary, 1);
    ASSERT_EQ(x.size(), 18u);  // 10 of the first batch, 5 + 3 of the second
    for (const std::size_t i : {3u, 4u, 8u, 9u, 13u, 14u}) EXPECT_TRUE(std::isnan(x[i])) << i;
    for (const std::size_t i : {0u, 2u, 5u, 7u, 10u, 15u, 17u}) EXPECT_LE(std::fabs(x[i]), 1) << i;
}

TEST(Operands, HugeMatricesRepeatTheirRows) {
    const Format& format = *find_format("q4_0");
    const std::uint64_t elements = 32 * 1024, row = 1024 * 18;
    const MatrixShape shape{1000, elements, 1};
    const auto blocks = random_weights(format, shape, Data::ordinary, 1);
    ASSERT_EQ(blocks.size(), shape.rows * row);
    const auto first = std::span(blocks).first(row), second = std::span(blocks).subspan(row, row);
    EXPECT_FALSE(std::ranges::equal(first, second));
    bool repeats = false;
    for (std::uint64_t r = 1; r < shape.rows; r++)
        repeats = repeats || std::ranges::equal(first, std::span(blocks).subspan(r * row, row));
    EXPECT_TRUE(repeats);
}

}  // namespace
}  // namespace tuff::bench
