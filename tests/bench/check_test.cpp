#include "bench/check.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "backend/reference/matmul.hpp"
#include "bench/operands.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint64_t kGuard = 8;

// A product whose y holds the right answers.
struct Solved {
    const Format& format = *find_format("q8_0");
    MatmulPlan plan;
    std::vector<std::byte> blocks;
    std::vector<float> x, y;

    explicit Solved(MatmulShape shape) {
        plan.shape = shape.dense();
        plan.roundings = 100;
        const MatmulShape& s = plan.shape;
        blocks = random_weights(format, s.weights(), Data::ordinary, 1);
        x = random_activations(s, Data::ordinary, 2);
        y.assign(s.y_floats() + 2 * kGuard, std::bit_cast<float>(kPoison));
        const std::uint64_t row = s.k / 32 * 34;
        for (std::uint64_t b = 0; b < s.batches; b++)
            for (std::uint64_t r = 0; r < s.m; r++) {
                const auto dots = reference::dot_row(
                    format, blocks.data() + (b / (s.batches / s.w_batches) * s.m + r) * row, s.k,
                    x.data() + b * s.x_batch, s.x_stride, s.n);
                for (std::uint64_t t = 0; t < s.n; t++) at(b, t, r) = static_cast<float>(dots[t].value);
            }
    }

    float& at(std::uint64_t b, std::uint64_t t, std::uint64_t r) {
        return y[kGuard + b * plan.shape.y_batch + t * plan.shape.y_stride + r];
    }
    [[nodiscard]] Check check(std::uint64_t work = 1'000'000) const {
        return check_product(format, plan, blocks, x, y, kGuard, {work, 1});
    }
};

MatmulShape strided() {
    MatmulShape s;
    s.m = 50;
    s.n = 3;
    s.k = 96;
    s.batches = 4;
    s.w_batches = 2;
    s.x_stride = 101;
    s.y_stride = 53;
    s.y_batch = 170;
    return s;
}

TEST(Check, AcceptsTheReferenceItself) {
    const Check check = Solved(strided()).check();
    EXPECT_EQ(check.failure, "");
    EXPECT_LT(check.error_over_bound, 1);
    EXPECT_EQ(check.elements_checked, 600u);
}

TEST(Check, FindsAnyOneWrongElement) {
    for (const std::uint64_t row : {0u, 17u, 49u}) {
        Solved solved(strided());
        solved.at(3, 2, row) += 0.01f;
        const Check check = solved.check();
        EXPECT_GT(check.error_over_bound, 1);
        EXPECT_NE(check.failure.find("1 of 600 elements are wrong"), std::string::npos) << check.failure;
        EXPECT_NE(check.failure.find(fmt::format("row {} of token 2 in batch 3", row)), std::string::npos)
            << check.failure;
    }
}

TEST(Check, FindsAnElementNobodyWrote) {
    Solved solved(strided());
    solved.at(1, 0, 5) = std::bit_cast<float>(kPoison);
    EXPECT_FALSE(solved.check().failure.empty());
}

TEST(Check, FindsWritesWhereNoResultBelongs) {
    const MatmulShape s = strided();
    for (const std::uint64_t index : {std::uint64_t{0}, kGuard - 1, kGuard + s.m, kGuard + s.y_stride - 1,
                                      kGuard + 3 * s.y_stride, kGuard + s.y_batch - 1}) {
        Solved solved(s);
        solved.y[index] = 0;
        EXPECT_NE(solved.check().failure.find("overwritten"), std::string::npos) << index;
    }
    Solved solved(s);
    solved.y.back() = 1;
    EXPECT_NE(solved.check().failure.find("overwritten"), std::string::npos);
}

TEST(Check, SamplesLargeProductsButAlwaysTheFirstAndTheLastRow) {
    MatmulShape s;
    s.m = 1000;
    s.n = 1;
    s.k = 32;
    const Check sampled = Solved(s).check(32 * 10);
    EXPECT_EQ(sampled.elements_checked, 10u);
    for (const std::uint64_t row : {std::uint64_t{0}, s.m - 1}) {
        Solved solved(s);
        solved.at(0, 0, row) = 1e6f;
        EXPECT_FALSE(solved.check(1).failure.empty()) << row;
    }
}

TEST(Check, WantsInfinityWhereTheExactAnswerIsInfinite) {
    Solved solved(strided());
    solved.x[0] = std::numeric_limits<float>::infinity();  // token 0 of batch 0
    EXPECT_FALSE(solved.check().failure.empty());
    for (std::uint64_t r = 0; r < solved.plan.shape.m; r++)
        solved.at(0, 0, r) = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(solved.check().failure, "");
}

}  // namespace
}  // namespace tuff::bench
