#include "bench/verify_cases.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tuff::bench {
namespace {

TEST(VerifyCases, AreValidForEveryKernelAndFormat) {
    for (const MatmulAlgorithm algorithm : all_matmul_algorithms())
        for (const Format* format : formats())
            for (const bool quick : {true, false})
                for (const VerifyCase& one : verify_cases(algorithm, *format, quick)) {
                    EXPECT_TRUE(matrix_bytes(*format, Layout::blocks, one.shape.weights()))
                        << shape_text(one.shape);
                    EXPECT_EQ(one.shape.batches % one.shape.w_batches, 0u);
                    if (!takes_many(algorithm)) {
                        EXPECT_LE(one.shape.n, kMatvecMaxTokens);
                    }
                }
}

TEST(VerifyCases, HoldOnesTailsStridesBatchesAndHostileData) {
    for (const bool quick : {true, false}) {
        const auto cases = verify_cases(MatmulAlgorithm::matmul_lanes, *find_format("f16"), quick);
        const auto any = [&](auto holds) { return std::ranges::any_of(cases, holds); };
        EXPECT_TRUE(
            any([](const VerifyCase& c) { return c.shape.m == 1 && c.shape.n == 1 && c.shape.k == 1; }));
        EXPECT_TRUE(any([](const VerifyCase& c) { return c.shape.k % 32 != 0 && c.shape.m % 8 != 0; }));
        EXPECT_TRUE(any(
            [](const VerifyCase& c) { return c.shape.y_stride > c.shape.m && c.shape.x_alignment == 4; }));
        EXPECT_TRUE(any([](const VerifyCase& c) { return c.shape.batches > c.shape.w_batches; }));
        EXPECT_TRUE(any([](const VerifyCase& c) { return c.data == Data::infinite; }));
        EXPECT_TRUE(any([](const VerifyCase& c) { return c.data == Data::subnormal; }));
        EXPECT_TRUE(any([](const VerifyCase& c) { return c.op == Op::matmul; }));
    }
}

TEST(VerifyCases, OfTheFullRunHoldEveryNarrowTokenCountAndLongRows) {
    const auto cases = verify_cases(MatmulAlgorithm::matvec_wide, *find_format("q4_k"), false);
    for (std::uint64_t n = 1; n <= kMatvecMaxTokens; n++)
        EXPECT_TRUE(std::ranges::any_of(cases, [&](const VerifyCase& c) { return c.shape.n == n; })) << n;
    EXPECT_TRUE(std::ranges::any_of(cases, [](const VerifyCase& c) { return c.shape.k > 65536; }));
    EXPECT_TRUE(std::ranges::any_of(cases, [](const VerifyCase& c) { return c.shape.m > 2 * 65535; }));
}

TEST(VerifyCases, TheHugeOneIsBeyond4GiB) {
    for (const Format* format : formats()) {
        const auto bytes = matrix_bytes(*format, Layout::blocks,
                                        huge_case(MatmulAlgorithm::matvec_wide, *format).shape.weights());
        ASSERT_TRUE(bytes) << bytes.error().message;
        EXPECT_GT(*bytes, std::uint64_t{4} << 30) << format->name;
    }
}

}  // namespace
}  // namespace tuff::bench
