// Compute pipelines made from the kernel table. Arguments are one block of push constants; there are no
// descriptors.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/snapshot.hpp"
#include "shaders/table.hpp"

namespace tuff::host {

struct DeviceCore;  // private

// Bytes of push constants every pipeline takes; Vulkan guarantees as many.
inline constexpr std::uint32_t kPushConstantBytes = 128;

// One number a driver tells about compiled code: registers, spills, instructions.
struct PipelineStatistic {
    std::string name;
    std::string value;
};

// A compiled kernel; owned by the Device.
class Pipeline {
  public:
    [[nodiscard]] std::string_view name() const { return name_; }  // the kernel's
    [[nodiscard]] std::span<const std::uint32_t> specialization() const { return specialization_; }
    // The subgroup size the pipeline is pinned to; 0 where the device has no size control and picks its own.
    [[nodiscard]] std::uint32_t subgroup_size() const { return subgroup_size_; }
    [[nodiscard]] double compile_ms() const { return compile_ms_; }
    // What the driver says about the code; empty without Feature::pipeline_executable_info.
    [[nodiscard]] std::span<const PipelineStatistic> statistics() const { return statistics_; }

    [[nodiscard]] std::uint64_t handle() const { return handle_; }  // VkPipeline

  private:
    friend struct PipelineBuilder;
    std::string name_;
    std::vector<std::uint32_t> specialization_;
    std::uint32_t subgroup_size_ = 0;
    double compile_ms_ = 0;
    std::vector<PipelineStatistic> statistics_;
    std::uint64_t handle_ = 0;
};

// What the device lacks to run the kernel, each in words ("float16", "subgroup size 8 (has 32)"); empty: it
// can.
std::vector<std::string> missing_needs(const DeviceSnapshot& device, const shaders::Kernel& kernel);

}  // namespace tuff::host
