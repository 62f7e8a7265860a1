#include "host/choose.hpp"

#include <gtest/gtest.h>

#include "tests/host/test_devices.hpp"

namespace tuff::host {
namespace {

using namespace test;

std::vector<DeviceSnapshot> three_devices() {
    return {lavapipe(), integrated_split_heaps(), discrete_small_bar()};
}

TEST(ChooseDevice, PrefersDiscreteThenIntegratedThenVirtualThenSoftware) {
    std::vector<DeviceSnapshot> devices = three_devices();
    devices.push_back(bare("Virtual", DeviceType::virtual_));
    devices.back().heaps = {heap(64 * kGiB, true)};
    devices.back().memory_types = {kDeviceVisible(0)};
    for (const std::size_t expected : {2U, 1U, 1U, 0U}) {
        const Result<Choice> choice = choose_device(devices, "");
        ASSERT_TRUE(choice) << choice.error().message;
        EXPECT_EQ(choice->index, expected);
        devices.erase(devices.begin() + static_cast<std::ptrdiff_t>(expected));
    }
}

TEST(ChooseDevice, PrefersMoreMemoryAmongEquals) {
    const std::vector<DeviceSnapshot> devices = {discrete_small_bar(), discrete_resizable_bar()};
    const Result<Choice> choice = choose_device(devices, "");
    ASSERT_TRUE(choice) << choice.error().message;
    EXPECT_EQ(choice->index, 1U);
    EXPECT_EQ(choice->why, "the best of 2: discrete, 16.0 GiB");
    ASSERT_EQ(choice->passed_over.size(), 1U);
    EXPECT_EQ(choice->passed_over[0].why, "8.2 GiB of memory; another has 16.0 GiB");
}

TEST(ChooseDevice, SaysWhyEveryOtherDeviceWasPassedOver) {
    std::vector<DeviceSnapshot> devices = three_devices();
    devices[2].features.set(Feature::timeline_semaphore, false);
    devices.push_back(integrated_split_heaps());
    const Result<Choice> choice = choose_device(devices, "");
    ASSERT_TRUE(choice) << choice.error().message;
    EXPECT_EQ(choice->index, 1U);
    ASSERT_EQ(choice->passed_over.size(), 3U);
    EXPECT_EQ(choice->passed_over[0].why, "cpu; integrated is preferred");
    EXPECT_EQ(choice->passed_over[1].why, "no timeline_semaphore");
    EXPECT_EQ(choice->passed_over[2].why, "as good, but listed later");
}

TEST(ChooseDevice, TakesAnIndexOrAPartOfANameInEitherCase) {
    const std::vector<DeviceSnapshot> devices = three_devices();
    EXPECT_EQ(choose_device(devices, "0")->index, 0U);
    EXPECT_EQ(choose_device(devices, "LLVM")->index, 0U);
    EXPECT_EQ(choose_device(devices, "small bar")->index, 2U);
    EXPECT_EQ(choose_device(devices, "split")->why, "asked for as 'split'");
}

TEST(ChooseDevice, AWholeNameIsNotAmbiguous) {
    std::vector<DeviceSnapshot> devices = {discrete_no_bar(), discrete_small_bar()};
    EXPECT_EQ(choose_device(devices, "discrete")->index, 0U);
}

TEST(ChooseDevice, ListsTheChoicesWhenTheRequestFitsNoneOrSeveral) {
    const std::vector<DeviceSnapshot> devices = three_devices();
    const Result<Choice> several = choose_device(devices, "t");
    ASSERT_FALSE(several);
    EXPECT_EQ(several.error().code, ErrorCode::usage);
    EXPECT_EQ(several.error().message,
              "'t' names several devices: 1: Integrated Split, 2: Discrete Small BAR");
    for (const char* request : {"3", "radeon", "-1", "99999999999999999999"}) {
        const Result<Choice> none = choose_device(devices, request);
        ASSERT_FALSE(none) << request;
        EXPECT_EQ(none.error().code, ErrorCode::usage);
        EXPECT_EQ(none.error().message,
                  std::string("no device '") + request +
                      "'; there are: 0: llvmpipe, 1: Integrated Split, 2: Discrete Small BAR");
    }
}

TEST(ChooseDevice, ADeviceAskedForThatCannotBeUsedSaysWhy) {
    std::vector<DeviceSnapshot> devices = three_devices();
    devices[1].features.set(Feature::synchronization2, false);
    const Result<Choice> choice = choose_device(devices, "1");
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ErrorCode::unsupported);
    EXPECT_EQ(choice.error().message, "Integrated Split cannot be used: no synchronization2");
}

TEST(ChooseDevice, NoDeviceOrNoneUsableIsItsOwnError) {
    EXPECT_EQ(choose_device({}, "").error().code, ErrorCode::no_device);
    std::vector<DeviceSnapshot> devices = {lavapipe()};
    devices[0].api_version = 1U << 22 | 1U << 12;
    const Result<Choice> choice = choose_device(devices, "");
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().code, ErrorCode::no_device);
    EXPECT_EQ(choice.error().message, "no device can be used: llvmpipe (Vulkan 1.1.0; needs 1.3)");
}

}  // namespace
}  // namespace tuff::host
