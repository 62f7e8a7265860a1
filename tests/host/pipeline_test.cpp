#include "host/pipeline.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

#include "host/shader_compiler.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

using Pipelines = DeviceTest;
using PipelineCache = DeviceTest;

constexpr std::array<std::uint32_t, 2> kConstants = {64, 1};

TEST_F(Pipelines, AreMadeOncePerKernelAndConstants) {
    open_device();
    const Result<const Pipeline*> first = device_->pipeline(add_words(), kConstants);
    TUFF_OK(first);
    EXPECT_EQ(*first, *device_->pipeline(add_words(), kConstants));
    const Result<const Pipeline*> other = device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 2});
    TUFF_OK(other);
    EXPECT_NE(*first, *other);
    EXPECT_EQ((*first)->name(), "add_words");
    EXPECT_TRUE(std::ranges::equal((*first)->specialization(), kConstants));
    EXPECT_EQ((*first)->subgroup_size(),
              probed().has(Feature::subgroup_size_control) ? probed().subgroup.size : 0U);
}

TEST_F(Pipelines, SeveralThreadsGetTheSameOne) {
    open_device();
    std::array<const Pipeline*, 4> got{};
    {
        std::vector<std::jthread> threads;
        for (const Pipeline*& mine : got) {
            threads.emplace_back(
                [&mine, this] { mine = device_->pipeline(add_words(), kConstants).value_or(nullptr); });
        }
    }
    EXPECT_NE(got[0], nullptr);
    for (const Pipeline* one : got) EXPECT_EQ(one, got[0]);
}

TEST_F(Pipelines, AKernelTheDeviceCannotRunIsRefusedByName) {
    open_device();
    constexpr std::array<std::string_view, 1> needs = {"no_such_feature"};
    shaders::Kernel kernel = add_words();
    kernel.needs = needs;
    const Result<const Pipeline*> refused = device_->pipeline(kernel, kConstants);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_EQ(refused.error().message,
              "kernel 'add_words' needs no_such_feature, which " + probed().name + " lacks");
}

TEST_F(Pipelines, AModuleThatIsNotSpirvNeverReachesTheDriver) {
    open_device();
    shaders::Kernel kernel = add_words();
    constexpr std::array<std::uint32_t, 6> nonsense = {1, 2, 3, 4, 5, 6};
    kernel.spirv = nonsense;
    EXPECT_EQ(device_->pipeline(kernel, kConstants).error().code, ErrorCode::internal);
    kernel.spirv = {};
    EXPECT_EQ(device_->pipeline(kernel, kConstants).error().code, ErrorCode::internal);
}

TEST_F(Pipelines, ARunTimeCompilerReplacesTheEmbeddedModule) {
    int calls = 0;
    DeviceOptions options;
    options.compile = [&calls](const shaders::Kernel& kernel) -> Result<std::vector<std::uint32_t>> {
        ++calls;
        if (kernel.name == "broken") return fail(ErrorCode::compile, "broken.comp:3: no");
        return std::vector<std::uint32_t>(add_words().spirv.begin(), add_words().spirv.end());
    };
    open_device(std::move(options));
    shaders::Kernel kernel = add_words();
    kernel.spirv = {};
    TUFF_OK(device_->pipeline(kernel, kConstants));
    TUFF_OK(device_->pipeline(kernel, kConstants));
    EXPECT_EQ(calls, 1);
    kernel.name = "broken";
    const Result<const Pipeline*> broken = device_->pipeline(kernel, kConstants);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().code, ErrorCode::compile);
    EXPECT_EQ(broken.error().message, "broken.comp:3: no");
}

TEST_F(PipelineCache, IsWrittenOnceAndSurvivesDamage) {
    open_device();
    TUFF_OK(device_->pipeline(add_words(), kConstants));
    device_.reset();
    ASSERT_EQ(directory_.entries(), 1U);
    const std::string path = std::filesystem::directory_iterator(directory_.path())->path().string();
    const std::string whole = tuff::test::read_file(path);

    EXPECT_GE(whole.size(), 64U);  // the two headers
    std::string flipped = whole;
    flipped[whole.size() - 1] = static_cast<char>(flipped[whole.size() - 1] ^ 1);
    for (const std::string& damaged : {std::string(), whole.substr(0, 20), whole.substr(0, whole.size() - 1),
                                       flipped, std::string(100000, 'x'), whole + whole}) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
        open_device();
        TUFF_OK(device_->pipeline(add_words(), kConstants));
        device_.reset();
        EXPECT_EQ(directory_.entries(), 1U);
        EXPECT_GE(tuff::test::read_file(path).size(), whole.size() / 2);
    }
}

TEST_F(PipelineCache, CanBeSwitchedOff) {
    open_device({.pipeline_cache = false});
    TUFF_OK(device_->pipeline(add_words(), kConstants));
    device_.reset();
    EXPECT_EQ(directory_.entries(), 0U);
}

TEST_F(PipelineCache, ADirectoryThatCannotBeWrittenIsNoError) {
    // Below a file nobody can make a directory, not even root.
    const std::string file = directory_.file("file", "");
    open_device({.pipeline_cache_directory = std::filesystem::path(file) / "below"});
    TUFF_OK(device_->pipeline(add_words(), kConstants));
    device_.reset();
    EXPECT_EQ(directory_.entries(), 1U);
}

}  // namespace
}  // namespace tuff::host::test
