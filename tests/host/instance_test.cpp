#include "host/instance.hpp"

#include <stdlib.h>

#include <optional>
#include <string>

#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

// An environment variable that is as before when the object goes.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* before = ::getenv(name)) before_ = before;
        ::setenv(name, value, 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() {
        if (before_) {
            ::setenv(name_, before_->c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }

  private:
    const char* name_;
    std::optional<std::string> before_;
};

TEST(Instances, WithoutADriverSayHowToGetOne) {
    const Variable files("VK_DRIVER_FILES", "/dev/null");
    const Variable names("VK_ICD_FILENAMES", "/dev/null");
    const Result<Instance> opened = Instance::open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::no_device);
    EXPECT_NE(opened.error().message.find("apt install mesa-vulkan-drivers"), std::string::npos)
        << opened.error().message;
}

TEST(Instances, SeveralLiveSideBySide) {
    const Result<Instance> first = Instance::open();
    TUFF_OK(first);
    {
        const Result<Instance> second = Instance::open();
        TUFF_OK(second);
        EXPECT_EQ(first->snapshots().size(), second->snapshots().size());
    }
    const Result<std::unique_ptr<Device>> device = Device::open(
        *first, choose_device(first->snapshots(), "")->index,
        first->snapshots()[choose_device(first->snapshots(), "")->index], {.pipeline_cache = false});
    TUFF_OK(device);
    TUFF_OK((*device)->allocate(Intent::scratch, 100, "after the other instance went"));
}

TEST(Instances, ValidationIsThereOrSaysWhereToGetIt) {
    const Result<Instance> opened = Instance::open({.validation = true});
    if (!opened) {
        EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
        EXPECT_NE(opened.error().message.find("vulkan-validationlayers"), std::string::npos);
        return;
    }
    EXPECT_EQ(opened->validation_messages(), 0U);
}

TEST(Instances, EverySnapshotIsWholeAndTellsItsHeapsApart) {
    const Result<Instance> opened = Instance::open();
    TUFF_OK(opened);
    for (const DeviceSnapshot& device : opened->snapshots()) {
        EXPECT_FALSE(device.name.empty());
        if (!why_unusable(device).empty()) continue;
        EXPECT_GE(device.limits.push_constant_bytes, kPushConstantBytes);
        EXPECT_GT(device.limits.max_workgroup_invocations, 0U);
        EXPECT_GT(device.subgroup.size, 0U);
        EXPECT_LE(device.subgroup.min_size, device.subgroup.size);
        EXPECT_GE(device.subgroup.max_size, device.subgroup.size);
        EXPECT_FALSE(placement(device, Intent::weights).empty());
        for (const MemoryType& type : device.memory_types) EXPECT_LT(type.heap, device.heaps.size());
        EXPECT_EQ(device.has(Feature::cooperative_matrix), !device.matrix_shapes.empty());
    }
}

}  // namespace
}  // namespace tuff::host::test
