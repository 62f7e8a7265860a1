#include "host/snapshot.hpp"

#include <gtest/gtest.h>

#include <set>

#include "host/bytes.hpp"
#include "host/pipeline.hpp"
#include "tests/host/test_devices.hpp"

namespace tuff::host {
namespace {

using namespace test;

TEST(Snapshot, EveryFeatureHasItsOwnNameThatParsesBack) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        const auto feature = static_cast<Feature>(i);
        EXPECT_TRUE(names.insert(feature_name(feature)).second) << feature_name(feature);
        EXPECT_EQ(parse_feature(feature_name(feature)), feature);
    }
    EXPECT_EQ(feature_name(Feature::buffer_device_address), "buffer_device_address");
    EXPECT_EQ(feature_name(Feature::pipeline_executable_info), "pipeline_executable_info");
    EXPECT_FALSE(parse_feature("Storage8"));
    EXPECT_FALSE(parse_feature(""));
}

TEST(Snapshot, IntegratedAndSoftwareDevicesShareTheirMemory) {
    EXPECT_TRUE(unified(integrated_split_heaps()));
    EXPECT_TRUE(unified(integrated_uncached()));
    EXPECT_TRUE(unified(lavapipe()));
    EXPECT_FALSE(unified(discrete_resizable_bar()));
    EXPECT_FALSE(unified(discrete_small_bar()));
}

TEST(Snapshot, AVirtualDeviceIsJudgedByItsHeaps) {
    DeviceSnapshot device = lavapipe();
    device.type = DeviceType::virtual_;
    EXPECT_TRUE(unified(device));
    device.heaps.push_back(heap(kGiB, false));
    EXPECT_FALSE(unified(device));
    DeviceSnapshot hidden = discrete_no_bar();
    hidden.type = DeviceType::other;
    hidden.heaps.pop_back();
    hidden.memory_types.resize(1);
    EXPECT_FALSE(unified(hidden));
    EXPECT_FALSE(unified(bare("nothing", DeviceType::other)));
}

TEST(Snapshot, MemoryOfAnIntegratedDeviceIsAllHeapsTogether) {
    EXPECT_EQ(device_memory_bytes(integrated_split_heaps()), 12 * kGiB + 512 * kMiB);
    EXPECT_EQ(device_memory_bytes(discrete_no_bar()), 8 * kGiB);
    DeviceSnapshot absurd = lavapipe();
    absurd.heaps = {heap(~std::uint64_t{0}, true), heap(kGiB, true)};
    EXPECT_EQ(device_memory_bytes(absurd), ~std::uint64_t{0});
}

TEST(Snapshot, SaysEveryReasonWhyADeviceIsUnusable) {
    EXPECT_TRUE(why_unusable(lavapipe()).empty());
    DeviceSnapshot device = lavapipe();
    device.features.set(Feature::scalar_block_layout, false);
    device.queue_families[0].compute = false;
    const std::vector<std::string> reasons = why_unusable(device);
    ASSERT_EQ(reasons.size(), 2U);
    EXPECT_EQ(reasons[0], "no scalar_block_layout");
    EXPECT_EQ(reasons[1], "no compute queue");
    device.api_version = 1U << 22 | 2U << 12 | 7U;
    ASSERT_EQ(why_unusable(device).size(), 1U);
    EXPECT_EQ(why_unusable(device)[0], "Vulkan 1.2.7; needs 1.3");
    device.api_version = 1U << 22 | 4U << 12;
    EXPECT_EQ(why_unusable(device).size(), 2U);
}

TEST(Snapshot, WorkGoesToAQueueThatCanTime) {
    DeviceSnapshot device = lavapipe();
    device.queue_families = {
        {1, false, false, true, 64}, {2, false, true, true, 0}, {1, false, true, true, 36}};
    EXPECT_EQ(compute_family(device), 2U);
    device.queue_families.push_back({1, true, true, true, 64});
    EXPECT_EQ(compute_family(device), 3U);
    device.queue_families = {{0, true, true, true, 64}};
    EXPECT_FALSE(compute_family(device));
}

TEST(Snapshot, TimestampsAreMaskedToTheirValidBitsAndMayWrap) {
    EXPECT_DOUBLE_EQ(ticks_to_ns(150, 100, 64, 2.0), 100.0);
    EXPECT_DOUBLE_EQ(ticks_to_ns(5, 0xFFFFFFFB, 32, 1.0), 10.0);
    EXPECT_DOUBLE_EQ(ticks_to_ns(0xFFFF000000000007, 0x0000000000000002, 36, 1.0), 5.0);
}

TEST(Snapshot, AKernelIsMissingWhatTheDeviceLacks) {
    shaders::Kernel kernel{};
    EXPECT_TRUE(missing_needs(lavapipe(), kernel).empty());
    constexpr std::array<std::string_view, 3> needs = {"storage8", "cooperative_matrix", "no_such_feature"};
    kernel.needs = needs;
    EXPECT_EQ(missing_needs(lavapipe(), kernel),
              (std::vector<std::string>{"cooperative_matrix", "no_such_feature"}));
}

TEST(Snapshot, AKernelForOneSubgroupSizeNeedsIt) {
    shaders::Kernel kernel{};
    kernel.subgroup_size = 8;
    EXPECT_TRUE(missing_needs(lavapipe(), kernel).empty());
    EXPECT_EQ(missing_needs(discrete_no_bar(), kernel),
              (std::vector<std::string>{"subgroup size 8 (has 32)"}));
    DeviceSnapshot varying = discrete_no_bar();
    varying.subgroup = {16, 8, 32, 64};
    EXPECT_EQ(missing_needs(varying, kernel), (std::vector<std::string>{"subgroup size 8 (has 16)"}));
    varying.features.set(Feature::subgroup_size_control, true);
    EXPECT_TRUE(missing_needs(varying, kernel).empty());
    kernel.subgroup_size = 64;
    EXPECT_EQ(missing_needs(varying, kernel), (std::vector<std::string>{"subgroup size 64 (has 8 to 32)"}));
}

TEST(Bytes, TextAndArithmeticDoNotOverflow) {
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(1023), "1023 B");
    EXPECT_EQ(bytes_text(1536), "1.5 KiB");
    EXPECT_EQ(bytes_text(16 * kGiB), "16.0 GiB");
    EXPECT_EQ(bytes_text(~std::uint64_t{0}), "16.0 EiB");
    EXPECT_EQ(minus_saturating(3, 5), 0U);
    EXPECT_EQ(plus_saturating(~std::uint64_t{0}, 1), ~std::uint64_t{0});
    EXPECT_TRUE(within(5, 0, 5));
    EXPECT_FALSE(within(6, 0, 5));
    EXPECT_FALSE(within(1, ~std::uint64_t{0}, 5));
}

}  // namespace
}  // namespace tuff::host
