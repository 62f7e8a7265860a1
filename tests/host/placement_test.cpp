#include "host/placement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "host/memory.hpp"
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

TEST(Placement, KindsOfMemoryAreToldByTheirHeaps) {
    EXPECT_EQ(memory_kind(discrete_resizable_bar()), MemoryKind::host_visible);
    EXPECT_EQ(memory_kind(discrete_small_bar()), MemoryKind::window);
    EXPECT_EQ(memory_kind(discrete_no_bar()), MemoryKind::hidden);
    EXPECT_EQ(memory_kind(integrated_split_heaps()), MemoryKind::unified);
    EXPECT_EQ(memory_kind(integrated_uncached()), MemoryKind::unified);
    EXPECT_EQ(memory_kind(lavapipe()), MemoryKind::software);
    // A virtual card calls itself neither.
    for (DeviceSnapshot device : {discrete_resizable_bar(), discrete_small_bar(), discrete_no_bar()}) {
        const MemoryKind kind = memory_kind(device);
        device.type = DeviceType::virtual_;
        EXPECT_EQ(memory_kind(device), kind) << device.name;
    }
    DeviceSnapshot shared = integrated_uncached();
    shared.type = DeviceType::other;
    EXPECT_EQ(memory_kind(shared), MemoryKind::unified);
}

TEST(Placement, TheBudgetIsWhatIsLeftWhereMemoryIsNotSlow) {
    DeviceSnapshot card = discrete_small_bar();
    card.heaps[0].budget_bytes = 7 * kGiB;
    card.heaps[0].usage_bytes = kGiB;
    EXPECT_EQ(working_budget(card, 0), 6 * kGiB);  // neither the host's memory nor the window
    EXPECT_EQ(working_budget(card, 2 * kGiB), 4 * kGiB);
    EXPECT_EQ(working_budget(card, 7 * kGiB), 0U);
    card.heaps[0].usage_bytes = 8 * kGiB;  // drivers do report that
    EXPECT_EQ(working_budget(card, 0), 0U);
    card.heaps[0].usage_bytes = 0;
    card.heaps[0].budget_bytes = ~std::uint64_t{0};
    EXPECT_EQ(working_budget(card, 0), 8 * kGiB);

    DeviceSnapshot split = integrated_split_heaps();
    split.heaps[0].budget_bytes = 10 * kGiB;
    split.heaps[1].budget_bytes = 500 * kMiB;
    EXPECT_EQ(working_budget(split, 0), 10 * kGiB + 500 * kMiB);  // both, each once
    EXPECT_EQ(working_budget(bare("empty", DeviceType::discrete), 0), 0U);
}

TEST(Placement, NoBufferIsLargerThanAGibibyteOrTheDevicesLimits) {
    DeviceSnapshot device = discrete_no_bar();
    EXPECT_EQ(largest_buffer_bytes(device), kGiB - kTailBytes);
    device.limits.max_allocation_bytes = 256 * kMiB;
    EXPECT_EQ(largest_buffer_bytes(device), 256 * kMiB - kTailBytes);
    device.limits.max_buffer_bytes = 128 * kMiB;
    EXPECT_EQ(largest_buffer_bytes(device), 128 * kMiB - kTailBytes);
    device.limits.max_buffer_bytes = 1;
    EXPECT_EQ(largest_buffer_bytes(device), 1U);                              // nothing fits
    device.limits.max_buffer_bytes = device.limits.max_allocation_bytes = 0;  // not told
    EXPECT_EQ(largest_buffer_bytes(device), kGiB - kTailBytes);
}

TEST(Placement, MemoryTypesAreNamedByTheirFlags) {
    EXPECT_EQ(memory_type_text(kDeviceOnly(0)), "device-local");
    EXPECT_EQ(memory_type_text(kHostCached(0)), "host-visible host-coherent host-cached");
    EXPECT_EQ(memory_type_text({}), "without properties");
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
