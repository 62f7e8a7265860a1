#include "backend/type_totals.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace tuff {
namespace {

TEST(TypeTotals, AddUpByTypeAndComeByFallingBytes) {
    const TypeInfo *q4_k = find_type("q4_k"), *f32 = find_type("f32"), *q6_k = find_type("q6_k");
    const std::array tensors = {TypeTotal{f32, 1, 512, 2048}, TypeTotal{q4_k, 1, 1024, 576},
                                TypeTotal{q6_k, 1, 2048, 1680}, TypeTotal{q4_k, 1, 2048, 1152}};
    const auto totals = sum_by_type(tensors);
    ASSERT_EQ(totals.size(), 3u);
    EXPECT_EQ(totals[0].type, f32);
    EXPECT_EQ(totals[1].type, q4_k);
    EXPECT_EQ(totals[1].tensors, 2u);
    EXPECT_EQ(totals[1].elements, 3072u);
    EXPECT_EQ(totals[1].bytes, 1728u);
    EXPECT_EQ(totals[2].type, q6_k);
    EXPECT_EQ(bytes_by_type(totals), "f32 2.0 KiB, q4_k 1.7 KiB, q6_k 1.6 KiB");
    EXPECT_EQ(bytes_by_type({}), "");
}

TEST(TypeTotals, EndAtTheLargestNumber) {
    const std::array huge = {TypeTotal{find_type("f32"), 1, UINT64_MAX - 1, 5},
                             TypeTotal{find_type("f32"), 1, 7, UINT64_MAX}};
    const auto totals = sum_by_type(huge);
    ASSERT_EQ(totals.size(), 1u);
    EXPECT_EQ(totals[0].elements, UINT64_MAX);
    EXPECT_EQ(totals[0].bytes, UINT64_MAX);
}

}  // namespace
}  // namespace tuff
