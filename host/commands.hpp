// Private to host/: command buffers, and the barriers every one of them begins and ends with.
#pragma once

#include <tuff/result.hpp>

#include <string_view>

#include "host/vk.hpp"

namespace tuff::host {

struct DeviceCore;

Result<VkCommandPool> create_command_pool(DeviceCore& core, std::string_view name);
Result<VkCommandBuffer> create_command_buffer(DeviceCore& core, VkCommandPool pool);

// Begins a (possibly already recorded) command buffer. What was submitted before it on the queue comes first,
// and its writes are seen.
Result<void> begin_commands(DeviceCore& core, VkCommandBuffer commands);

// Makes the writes visible to the host and ends the recording.
Result<void> end_commands(DeviceCore& core, VkCommandBuffer commands);

void memory_barrier(DeviceCore& core, VkCommandBuffer commands, VkPipelineStageFlags2 from,
                    VkAccessFlags2 from_access, VkPipelineStageFlags2 to, VkAccessFlags2 to_access);

// The two kinds of work a stream holds.
inline constexpr VkPipelineStageFlags2 kWorkStages =
    VK_PIPELINE_STAGE_2_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT;
inline constexpr VkAccessFlags2 kWorkWrites = VK_ACCESS_2_SHADER_WRITE_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT;
inline constexpr VkAccessFlags2 kWorkReads = VK_ACCESS_2_SHADER_READ_BIT | VK_ACCESS_2_TRANSFER_READ_BIT;

}  // namespace tuff::host
