#include "host/placement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/host/test_devices.hpp"

namespace tuff::host {
namespace {

using namespace test;

constexpr std::array kAllIntents = {Intent::weights, Intent::cache, Intent::scratch, Intent::upload,
                                    Intent::readback};

std::vector<std::uint32_t> types(const DeviceSnapshot& device, Intent intent) {
    std::vector<std::uint32_t> out;
    for (const Candidate& candidate : placement(device, intent)) out.push_back(candidate.type);
    return out;
}

bool slow(const DeviceSnapshot& device, Intent intent, std::uint32_t type) {
    for (const Candidate& candidate : placement(device, intent)) {
        if (candidate.type == type) return candidate.slow;
    }
    ADD_FAILURE() << "type " << type << " is not offered";
    return false;
}

using Types = std::vector<std::uint32_t>;

TEST(Placement, ResizableBarTakesWeightsInPlaceAndKeepsHotMemoryOutOfTheWindow) {
    const DeviceSnapshot device = discrete_resizable_bar();
    EXPECT_EQ(types(device, Intent::weights), (Types{2, 0, 1, 3}));
    EXPECT_EQ(types(device, Intent::cache), (Types{0, 2, 1, 3}));
    EXPECT_EQ(types(device, Intent::scratch), (Types{0, 2, 1, 3}));
    EXPECT_EQ(types(device, Intent::upload), (Types{1, 3, 2}));
    EXPECT_EQ(types(device, Intent::readback), (Types{3, 1, 2}));
    EXPECT_FALSE(slow(device, Intent::weights, 2));
    EXPECT_FALSE(slow(device, Intent::weights, 0));
    EXPECT_TRUE(slow(device, Intent::weights, 1));
    EXPECT_TRUE(slow(device, Intent::readback, 1));
}

TEST(Placement, ASmallWindowIsNeverOfferedForWhatKernelsWorkOn) {
    const DeviceSnapshot device = discrete_small_bar();
    EXPECT_EQ(types(device, Intent::weights), (Types{0, 1, 2}));
    EXPECT_EQ(types(device, Intent::cache), (Types{0, 1, 2}));
    EXPECT_EQ(types(device, Intent::scratch), (Types{0, 1, 2}));
    EXPECT_EQ(types(device, Intent::upload), (Types{1, 2, 3}));
}

TEST(Placement, WithoutAWindowWeightsAreStaged) {
    EXPECT_EQ(types(discrete_no_bar(), Intent::weights), (Types{0, 1, 2}));
    EXPECT_EQ(types(discrete_no_bar(), Intent::readback), (Types{2, 1}));
}

TEST(Placement, AnIntegratedDeviceSpillsIntoItsOtherHeapWithoutLoss) {
    const DeviceSnapshot device = integrated_split_heaps();
    for (const Intent intent : {Intent::weights, Intent::cache, Intent::scratch}) {
        EXPECT_EQ(types(device, intent), (Types{2, 0, 1, 3}));
        for (const Candidate& candidate : placement(device, intent)) EXPECT_FALSE(candidate.slow);
    }
    EXPECT_EQ(types(device, Intent::readback), (Types{3, 1, 2}));
}

TEST(Placement, OneMemoryTypeServesEveryIntent) {
    for (const Intent intent : kAllIntents) {
        EXPECT_EQ(types(lavapipe(), intent), (Types{0}));
        EXPECT_FALSE(slow(lavapipe(), intent, 0));
        EXPECT_EQ(types(integrated_uncached(), intent), (Types{0}));
    }
    EXPECT_TRUE(slow(integrated_uncached(), Intent::readback, 0));
}

TEST(Placement, SpecialTypesAndTypesOfHeapsThatDoNotExistAreNeverOffered) {
    DeviceSnapshot device = lavapipe();
    device.memory_types.push_back({0, true, true, true, true, true});
    device.memory_types.push_back(kDeviceCached(7));
    for (const Intent intent : kAllIntents) EXPECT_EQ(types(device, intent), (Types{0}));
    EXPECT_TRUE(placement(bare("empty", DeviceType::discrete), Intent::weights).empty());
}

TEST(Placement, EveryTypeIsOfferedAtMostOnce) {
    for (const DeviceSnapshot& device :
         {discrete_resizable_bar(), discrete_small_bar(), integrated_split_heaps()}) {
        for (const Intent intent : kAllIntents) {
            Types offered = types(device, intent);
            std::ranges::sort(offered);
            EXPECT_EQ(std::ranges::adjacent_find(offered), offered.end())
                << device.name << intent_name(intent);
        }
    }
}

TEST(Placement, StagingSlotsShrinkWithTheHeapTheyLiveIn) {
    EXPECT_EQ(staging_slot_bytes(discrete_no_bar()), 16 * kMiB);
    DeviceSnapshot device = lavapipe();
    device.heaps[0].budget_bytes = 256 * kMiB;
    EXPECT_EQ(staging_slot_bytes(device), 4 * kMiB);
    device.heaps[0].budget_bytes = 0;
    EXPECT_EQ(staging_slot_bytes(device), 64U << 10);
}

}  // namespace
}  // namespace tuff::host
