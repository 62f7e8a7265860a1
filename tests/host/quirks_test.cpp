#include "host/quirks.hpp"

#include <gtest/gtest.h>

#include "tests/host/test_devices.hpp"

namespace tuff::host::test {
namespace {

constexpr std::uint32_t kLlvmpipe = 13;  // VK_DRIVER_ID_MESA_LLVMPIPE
constexpr std::uint32_t kRadv = 3;       // VK_DRIVER_ID_MESA_RADV

DeviceSnapshot lavapipe(std::uint32_t major) {
    DeviceSnapshot device = bare("llvmpipe (LLVM 19, 256 bits)", DeviceType::cpu);
    device.driver_name = "llvmpipe";
    device.driver_info = "Mesa " + std::to_string(major);
    device.driver_version = major << 22;
    device.subgroup = {8, 8, 8, 128};
    return device;
}

TEST(Quirks, LavapipeFoldsUniformLoadsFromMesa26On) {
    for (const std::uint32_t major : {0U, 22U, 25U, 26U, 30U}) {
        DeviceSnapshot device = lavapipe(major);
        apply_quirks(kLlvmpipe, device);
        EXPECT_EQ(device.has(Feature::uniform_loads), major >= 26) << major;
    }
    DeviceSnapshot wider = lavapipe(26);
    wider.subgroup.size = 16;
    apply_quirks(kLlvmpipe, wider);
    EXPECT_FALSE(wider.has(Feature::uniform_loads));
    DeviceSnapshot other = lavapipe(26);
    apply_quirks(kRadv, other);
    EXPECT_FALSE(other.has(Feature::uniform_loads));
}

TEST(Quirks, SayWhenALavapipeIsTooOldForItsKernels) {
    DeviceSnapshot device = lavapipe(22);
    EXPECT_NE(driver_note(device).find("Mesa 22"), std::string::npos);
    device.features.set(Feature::uniform_loads, true);
    EXPECT_EQ(driver_note(device), "");
    EXPECT_EQ(driver_note(discrete_resizable_bar()), "");
}

}  // namespace
}  // namespace tuff::host::test
