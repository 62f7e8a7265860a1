// For tests that need a device: the best one there is, and no validation message may appear while they run.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "host/choose.hpp"
#include "host/device.hpp"
#include "host/instance.hpp"
#include "host/simulated_card.hpp"
#include "host/stream.hpp"
#include "host/transfer.hpp"
#include "tests/temporary_directory.hpp"

namespace tuff::host::test {

// TUFF_OK(expression): the test ends here if it is an error.
#define TUFF_OK(expression)                                              \
    do {                                                                 \
        const auto& ok_result = (expression);                            \
        ASSERT_TRUE(ok_result.has_value()) << ok_result.error().message; \
    } while (false)

// The kernel tests/host/add_words.comp.
const shaders::Kernel& add_words();

class DeviceTest : public testing::Test {
  protected:
    void SetUp() override {
        Result<Instance> opened = Instance::open();
        ASSERT_TRUE(opened) << opened.error().message;
        instance_ = std::make_unique<Instance>(std::move(*opened));
        const Result<Choice> choice = choose_device(instance_->snapshots(), "");
        ASSERT_TRUE(choice) << choice.error().message;
        index_ = choice->index;
    }

    void TearDown() override {
        device_.reset();
        if (instance_) {
            EXPECT_EQ(instance_->validation_messages(), 0U);
        }
    }

    const DeviceSnapshot& probed() const { return instance_->snapshots()[index_]; }

    // Pipelines are kept below a directory of the test's own.
    Result<std::unique_ptr<Device>> open(DeviceOptions options = {}) const {
        return open(probed(), std::move(options));
    }
    Result<std::unique_ptr<Device>> open(const DeviceSnapshot& lowered, DeviceOptions options = {}) const {
        if (options.pipeline_cache_directory.empty()) options.pipeline_cache_directory = directory_.path();
        return Device::open(*instance_, index_, lowered, std::move(options));
    }

    void open_device(DeviceOptions options = {}) {
        Result<std::unique_ptr<Device>> device = open(std::move(options));
        ASSERT_TRUE(device) << device.error().message;
        device_ = std::move(*device);
    }

    // Skips the test where no card can be simulated: on devices with memory of their own.
    void need_simulated_card(std::uint64_t bytes) const {
        const auto card = simulate_card(probed(), bytes);
        if (card) return;
        ASSERT_FALSE(software(probed())) << card.error().message;
        GTEST_SKIP() << card.error().message;
    }

    Buffer buffer(std::uint64_t bytes, std::string_view label, Intent intent = Intent::scratch) {
        Result<Buffer> made = device_->allocate(intent, bytes, label);
        if (!made) {
            ADD_FAILURE() << made.error().message;
            return {};
        }
        return std::move(*made);
    }

    std::vector<std::uint32_t> words(const Buffer& from) {
        std::vector<std::uint32_t> out(from.size() / 4);
        const Result<void> read = readback(*device_, from, 0, std::as_writable_bytes(std::span(out)));
        EXPECT_TRUE(read) << read.error().message;
        return out;
    }

    tuff::test::TemporaryDirectory directory_;
    std::unique_ptr<Instance> instance_;
    std::size_t index_ = 0;
    std::unique_ptr<Device> device_;
};

struct AddWordsArguments {
    std::uint64_t from, to;
    std::uint32_t n;
};

// Records to = from + step; one invocation a word, groups of 64.
Result<void> record_add(Device& device, Stream& stream, const Buffer& from, const Buffer& to,
                        std::uint32_t step);

}  // namespace tuff::host::test
