// The device a command works on: chosen, lowered and opened as its options say.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/choose.hpp"
#include "host/device.hpp"
#include "host/instance.hpp"

namespace tuff::bench {

struct SessionOptions {
    std::string device;             // as host::choose_device takes it; empty: the best
    std::filesystem::path caps;     // lowers the device; empty: as it is
    std::filesystem::path shaders;  // compile kernels from there; empty: the embedded ones
    bool validation = false;        // with the Khronos validation layer
};

// Move-only.
class Session {
  public:
    // The errors of host::Instance::open, choose_device, lower_from_file, make_shader_compiler and
    // host::Device::open.
    static Result<Session> open(const SessionOptions& options);

    [[nodiscard]] host::Device& device() { return *device_; }
    [[nodiscard]] const host::DeviceSnapshot& snapshot() const { return device_->snapshot(); }
    [[nodiscard]] const std::string& why() const { return why_; }  // it was this device
    [[nodiscard]] bool lowered() const { return lowered_; }        // by a caps file

    // Bytes of the heap weights go to that are still free.
    [[nodiscard]] std::uint64_t free_bytes() const;

    // `internal` where validation has reported anything so far.
    [[nodiscard]] Result<void> check_validation() const;

  private:
    Session(host::Instance instance, std::unique_ptr<host::Device> device, std::string why, bool lowered)
        : instance_(std::move(instance)),
          device_(std::move(device)),
          why_(std::move(why)),
          lowered_(lowered) {}
    host::Instance instance_;
    std::unique_ptr<host::Device> device_;
    std::string why_;
    bool lowered_ = false;
};

// "discrete", "integrated", "virtual", "software": what people call host::DeviceType.
[[nodiscard]] std::string kind_text(const host::DeviceSnapshot& device);

// What a software device's figures mean and how to get a real one; empty for any other device.
[[nodiscard]] std::string software_note(const host::DeviceSnapshot& device);

}  // namespace tuff::bench
