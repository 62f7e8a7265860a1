#include "backend/kv/rotation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace tuff::test {
namespace {

std::vector<float> normal_head(std::size_t dim, std::mt19937& random) {
    std::normal_distribution<float> normal;
    std::vector<float> head(dim);
    for (float& value : head) value = normal(random);
    return head;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST(Rotation, UsesBlocksOfTheLargestPowerOfTwoThatDividesTheHead) {
    EXPECT_EQ(hadamard_block(64), 64U);
    EXPECT_EQ(hadamard_block(72), 8U);
    EXPECT_EQ(hadamard_block(80), 16U);
    EXPECT_EQ(hadamard_block(96), 32U);
    EXPECT_EQ(hadamard_block(192), 64U);
    EXPECT_EQ(hadamard_block(576), 64U);
}

TEST(Rotation, IsSylvestersMatrixOverTheRootOfItsSize) {
    for (std::size_t column = 0; column < 32; column++) {
        std::vector<float> head(96, 0.0F);
        head[32 + column] = 1;
        rotate(Rotation::hadamard, head);
        for (std::size_t row = 0; row < 96; row++) {
            const float sign = std::popcount(row & column) % 2 == 0 ? 1.0F : -1.0F;
            EXPECT_FLOAT_EQ(head[row], row / 32 == 1 ? sign / std::sqrt(32.0F) : 0.0F);
        }
    }
}

TEST(Rotation, KeepsProductsAndIsUndone) {
    std::mt19937 random(7);
    for (const Rotation rotation : {Rotation::none, Rotation::hadamard, Rotation::signed_hadamard})
        for (const std::size_t dim : {8, 64, 80, 128, 576}) {
            const std::vector<float> q = normal_head(dim, random), k = normal_head(dim, random);
            std::vector<float> rotated_q = q, rotated_k = k;
            rotate(rotation, rotated_q);
            rotate(rotation, rotated_k);
            // Ten stages of additions at most, and a product.
            const double bound = 24 * 0x1p-24 * std::sqrt(dot(q, q) * dot(k, k));
            EXPECT_NEAR(dot(rotated_q, rotated_k), dot(q, k), bound) << rotation_name(rotation) << ' ' << dim;
            unrotate(rotation, rotated_q);
            for (std::size_t i = 0; i < dim; i++)
                EXPECT_NEAR(rotated_q[i], q[i], 24 * 0x1p-24 * std::sqrt(dot(q, q)));
        }
}

TEST(Rotation, SpreadsAConstantOffsetOnlyWithSigns) {
    std::vector<float> plain(128, 1.0F), with_signs = plain;
    rotate(Rotation::hadamard, plain);
    rotate(Rotation::signed_hadamard, with_signs);
    EXPECT_FLOAT_EQ(plain[0], std::sqrt(128.0F));
    for (const float value : with_signs) EXPECT_LT(std::fabs(value), 4.5F);
}

}  // namespace
}  // namespace tuff::test
