#include "host/commands.hpp"

#include "host/device_core.hpp"

namespace tuff::host {
namespace {

// The two kinds of work a stream holds. A queue that only copies knows no shaders.
struct Work {
    VkPipelineStageFlags2 stages;
    VkAccessFlags2 writes, reads;
};

Work work_of(DeviceCore& core, Queue queue, bool indirect = false) {
    Work work{VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT, VK_ACCESS_2_TRANSFER_WRITE_BIT,
              VK_ACCESS_2_TRANSFER_READ_BIT};
    if (core.snapshot.queue_families[core.on(queue).family].compute) {
        work.stages |= VK_PIPELINE_STAGE_2_COMPUTE_SHADER_BIT;
        work.writes |= VK_ACCESS_2_SHADER_WRITE_BIT;
        work.reads |= VK_ACCESS_2_SHADER_READ_BIT;
    }
    if (indirect) {
        work.stages |= VK_PIPELINE_STAGE_2_DRAW_INDIRECT_BIT;
        work.reads |= VK_ACCESS_2_INDIRECT_COMMAND_READ_BIT;
    }
    return work;
}

void memory_barrier(DeviceCore& core, VkCommandBuffer commands, const Work& from, VkPipelineStageFlags2 to,
                    VkAccessFlags2 to_access) {
    VkMemoryBarrier2 barrier{};
    barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2;
    barrier.srcStageMask = from.stages;
    barrier.srcAccessMask = from.writes;
    barrier.dstStageMask = to;
    barrier.dstAccessMask = to_access;
    VkDependencyInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO;
    info.memoryBarrierCount = 1;
    info.pMemoryBarriers = &barrier;
    core.vk.vkCmdPipelineBarrier2(commands, &info);
}

}  // namespace

Result<VkCommandPool> create_command_pool(DeviceCore& core, Queue queue, std::string_view name) {
    TUFF_CHECK(core.check_alive());
    VkCommandPoolCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
    info.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
    info.queueFamilyIndex = core.on(queue).family;
    VkCommandPool pool = VK_NULL_HANDLE;
    const VkResult result = core.vk.vkCreateCommandPool(core.device, &info, nullptr, &pool);
    if (result != VK_SUCCESS) return core.fail(result, "creating the command pool for {}", name);
    core.name_object(VK_OBJECT_TYPE_COMMAND_POOL, reinterpret_cast<std::uint64_t>(pool), name);
    return pool;
}

Result<VkCommandBuffer> create_command_buffer(DeviceCore& core, VkCommandPool pool) {
    VkCommandBufferAllocateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
    info.commandPool = pool;
    info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    info.commandBufferCount = 1;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    const VkResult result = core.vk.vkAllocateCommandBuffers(core.device, &info, &commands);
    if (result != VK_SUCCESS) return core.fail(result, "creating a command buffer");
    return commands;
}

void work_barrier(DeviceCore& core, Queue queue, VkCommandBuffer commands, bool indirect) {
    const Work work = work_of(core, queue, indirect);
    memory_barrier(core, commands, work, work.stages, work.reads | work.writes);
}

Result<void> begin_commands(DeviceCore& core, Queue queue, VkCommandBuffer commands, bool indirect) {
    VkCommandBufferBeginInfo info{};
    info.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
    const VkResult result = core.vk.vkBeginCommandBuffer(commands, &info);
    if (result != VK_SUCCESS) return core.fail(result, "recording commands");
    work_barrier(core, queue, commands, indirect);
    return {};
}

Result<void> end_commands(DeviceCore& core, Queue queue, VkCommandBuffer commands) {
    memory_barrier(core, commands, work_of(core, queue), VK_PIPELINE_STAGE_2_HOST_BIT,
                   VK_ACCESS_2_HOST_READ_BIT);
    const VkResult result = core.vk.vkEndCommandBuffer(commands);
    if (result != VK_SUCCESS) return core.fail(result, "recording commands");
    return {};
}

}  // namespace tuff::host
