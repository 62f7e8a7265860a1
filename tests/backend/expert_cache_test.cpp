#include "backend/residency/expert_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace tuff::test {
namespace {

using Places = std::vector<ExpertCache::Place>;

TEST(ExpertCache, RefillsTheSlotThatWasUsedLeastRecently) {
    ExpertCache cache(3);
    EXPECT_EQ(*cache.fetch(std::vector<std::uint64_t>{10, 11}), (Places{{10, 0, false}, {11, 1, false}}));
    EXPECT_EQ(*cache.fetch(std::vector<std::uint64_t>{12}), (Places{{12, 2, false}}));
    EXPECT_EQ(*cache.fetch(std::vector<std::uint64_t>{10}), (Places{{10, 0, true}}));
    EXPECT_EQ(*cache.fetch(std::vector<std::uint64_t>{13}), (Places{{13, 1, false}}));  // 11 was the oldest
    EXPECT_EQ(cache.hits(), 1U);
    EXPECT_EQ(cache.misses(), 4U);
}

TEST(ExpertCache, NeverGivesOneOfTheWantedAnothersSlot) {
    ExpertCache cache(2);
    ASSERT_TRUE(cache.fetch(std::vector<std::uint64_t>{1, 2}));
    // 1 is the oldest, yet wanted: the slot of 2 must go.
    EXPECT_EQ(*cache.fetch(std::vector<std::uint64_t>{3, 1}), (Places{{3, 1, false}, {1, 0, true}}));
}

TEST(ExpertCache, RefusesMoreExpertsThanSlotsAndRepeatedOnes) {
    ExpertCache cache(2);
    const auto many = cache.fetch(std::vector<std::uint64_t>{1, 2, 3});
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error().code, ErrorCode::usage);
    EXPECT_EQ(many.error().message, "3 experts are needed at once; there are slots for 2");
    EXPECT_FALSE(cache.fetch(std::vector<std::uint64_t>{7, 7}));
    EXPECT_EQ(cache.misses(), 0U);
}

TEST(ExpertCache, HoldsWhatItSaysUnderRandomUse) {
    std::mt19937 random(7);
    ExpertCache cache(5);
    std::map<std::uint32_t, std::uint64_t> device;  // what a device would hold in each slot
    for (int round = 0; round < 2000; round++) {
        std::vector<std::uint64_t> wanted;
        while (wanted.size() < 1 + random() % 5) {
            const std::uint64_t expert = random() % 12;
            if (std::ranges::find(wanted, expert) == wanted.end()) wanted.push_back(expert);
        }
        const auto places = cache.fetch(wanted);
        ASSERT_TRUE(places);
        for (const auto& place : *places) {
            if (place.filled) {
                ASSERT_EQ(device.at(place.slot), place.expert) << "round " << round;
            }
            device[place.slot] = place.expert;
        }
        for (const auto& place : *places) ASSERT_EQ(device.at(place.slot), place.expert) << "round " << round;
    }
    EXPECT_GT(cache.hits(), cache.misses() / 4);
}

}  // namespace
}  // namespace tuff::test
