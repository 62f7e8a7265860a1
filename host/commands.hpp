// Private to host/: command buffers, and the barriers every one of them begins and ends with.
#pragma once

#include <tuff/result.hpp>

#include <string_view>

#include "host/queue.hpp"
#include "host/vk.hpp"

namespace tuff::host {

struct DeviceCore;

Result<VkCommandPool> create_command_pool(DeviceCore& core, Queue queue, std::string_view name);
Result<VkCommandBuffer> create_command_buffer(DeviceCore& core, VkCommandPool pool);

// Begins a (possibly already recorded) command buffer for a queue. What was submitted before it on that queue
// comes first, and its writes are seen; `indirect`: also by the reading of group counts.
Result<void> begin_commands(DeviceCore& core, Queue queue, VkCommandBuffer commands, bool indirect = false);

// Makes the writes visible to the host and ends the recording.
Result<void> end_commands(DeviceCore& core, Queue queue, VkCommandBuffer commands);

// Everything recorded so far is done, and its writes are seen, before anything recorded later; `indirect`:
// also before group counts are read.
void work_barrier(DeviceCore& core, Queue queue, VkCommandBuffer commands, bool indirect = false);

}  // namespace tuff::host
