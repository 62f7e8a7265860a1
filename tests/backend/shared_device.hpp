// One device for all tests of a program, so that kernels compile once.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "host/choose.hpp"
#include "host/device.hpp"
#include "host/instance.hpp"
#include "host/transfer.hpp"

namespace tuff::test {

// The best device, its buffers limited to `max_buffer_bytes` where that is not 0.
inline std::unique_ptr<host::Device> open_device(std::uint64_t max_buffer_bytes) {
    Result<host::Instance> instance = host::Instance::open();
    if (!instance) throw std::runtime_error(instance.error().message);
    const Result<host::Choice> choice = host::choose_device(instance->snapshots(), "");
    if (!choice) throw std::runtime_error(choice.error().message);
    host::DeviceSnapshot snapshot = instance->snapshots()[choice->index];
    if (max_buffer_bytes > 0) snapshot.limits.max_buffer_bytes = max_buffer_bytes;
    Result<std::unique_ptr<host::Device>> device = host::Device::open(*instance, choice->index, snapshot);
    if (!device) throw std::runtime_error(device.error().message);
    return std::move(*device);
}

// One device for the whole file: kernels compile once. It goes before main() returns, because layers and
// drivers take down their own state after that.
class SharedDevice : public testing::Environment {
  public:
    static inline std::unique_ptr<host::Device> device;

  private:
    void TearDown() override { device.reset(); }
};
[[maybe_unused]] inline const testing::Environment* const kSharedDevice =
    testing::AddGlobalTestEnvironment(new SharedDevice);  // owned by the framework

inline host::Device& shared_device() {
    if (!SharedDevice::device) SharedDevice::device = open_device(0);
    return *SharedDevice::device;
}

template <class T = float>
std::vector<T> read_values(host::Device& device, const host::Buffer& buffer) {
    std::vector<T> values(buffer.size() / sizeof(T));
    const Result<void> read = host::readback(device, buffer, 0, std::as_writable_bytes(std::span(values)));
    EXPECT_TRUE(read) << read.error().message;
    return values;
}

template <class T>
host::Buffer make_buffer(host::Device& device, const std::vector<T>& values, std::string_view label) {
    Result<host::Buffer> buffer = device.allocate(host::Intent::scratch, values.size() * sizeof(T), label);
    if (!buffer) throw std::runtime_error(buffer.error().message);
    const Result<void> done = host::upload(device, *buffer, 0, std::as_bytes(std::span(values)));
    if (!done) throw std::runtime_error(done.error().message);
    return std::move(*buffer);
}

}  // namespace tuff::test
