#include "backend/weights.hpp"

#include <gtest/gtest.h>

namespace tuff::test {
namespace {

const Format& q8_0() {
    return *find_format("q8_0");
}
constexpr std::uint64_t kRow = 34;  // bytes of 32 elements

TEST(Shards, AreOneWhereEverythingFits) {
    const auto shards = shard(q8_0(), Layout::blocks, {100, 32, 3}, 0);
    ASSERT_TRUE(shards);
    EXPECT_EQ(*shards, (std::vector<ShardRange>{{0, 3, 0, 100}}));
    EXPECT_EQ(*shard(q8_0(), Layout::blocks, {100, 32, 3}, 300 * kRow), *shards);
}

TEST(Shards, AreWholeMatricesWhereOneFits) {
    const auto shards = shard(q8_0(), Layout::blocks, {100, 32, 5}, 250 * kRow);
    ASSERT_TRUE(shards);
    EXPECT_EQ(*shards, (std::vector<ShardRange>{{0, 2, 0, 100}, {2, 2, 0, 100}, {4, 1, 0, 100}}));
}

TEST(Shards, AreRowsInMultiplesOfEightWhereNoMatrixFits) {
    const auto shards = shard(q8_0(), Layout::blocks, {37, 32, 2}, 20 * kRow);
    ASSERT_TRUE(shards);
    EXPECT_EQ(
        *shards,
        (std::vector<ShardRange>{
            {0, 1, 0, 16}, {0, 1, 16, 16}, {0, 1, 32, 5}, {1, 1, 0, 16}, {1, 1, 16, 16}, {1, 1, 32, 5}}));
}

TEST(Shards, SayWhenNotEvenEightRowsFit) {
    const auto shards = shard(q8_0(), Layout::blocks, {37, 32, 2}, 7 * kRow);
    ASSERT_FALSE(shards);
    EXPECT_EQ(shards.error().code, ErrorCode::out_of_device_memory);
    EXPECT_NE(shards.error().message.find("272 bytes"), std::string::npos) << shards.error().message;
}

}  // namespace
}  // namespace tuff::test
