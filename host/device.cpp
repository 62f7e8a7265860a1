#include "host/device.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuff/log.hpp>

#include <algorithm>

#include "host/device_core.hpp"
#include "host/feature_chain.hpp"
#include "host/quirks.hpp"

namespace tuff::host {
namespace {

// The extensions behind the features of the snapshot, each once. A feature that stands on another counts only
// with it.
std::vector<std::string> extensions_for(const DeviceSnapshot& snapshot,
                                        const std::vector<std::string>& offered) {
    std::vector<std::string> names;
    const auto add = [&names](const char* name) {
        if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
    };
    for (const FeatureSource& source : feature_sources()) {
        if (source.extension != nullptr && snapshot.has(source.feature)) add(source.extension);
    }
    // The Vulkan specification asks a program to enable this one wherever it is offered.
    constexpr const char* portability = "VK_KHR_portability_subset";
    if (std::ranges::find(offered, portability) != offered.end()) add(portability);
    return names;
}

Result<void> create_device(DeviceCore& core) {
    TUFF_TRY(offered, device_extensions(core.physical));
    const std::vector<std::string> extensions = extensions_for(core.snapshot, offered);
    std::vector<const char*> names;
    for (const std::string& name : extensions) names.push_back(name.c_str());

    FeatureChain chain;
    chain.link(extensions);
    for (const FeatureSource& source : feature_sources()) {
        if (!core.snapshot.has(source.feature)) continue;
        for (const FeatureSource::Bit bit : source.bits) bit(chain) = VK_TRUE;
    }

    const std::optional<QueuePlace> copies = transfer_queue(core.snapshot);
    const bool beside = copies && copies->family == core.compute.family;  // two queues of one family
    const std::array<float, 2> priorities{1.0F, 1.0F};
    std::vector<VkDeviceQueueCreateInfo> queues;
    const auto ask_for = [&](std::uint32_t family, std::uint32_t count) {
        VkDeviceQueueCreateInfo queue{};
        queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
        queue.queueFamilyIndex = family;
        queue.queueCount = count;
        queue.pQueuePriorities = priorities.data();
        queues.push_back(queue);
    };
    ask_for(core.compute.family, beside ? 2 : 1);
    if (copies && !beside) ask_for(copies->family, 1);
    VkDeviceCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
    info.pNext = &chain.core;
    info.queueCreateInfoCount = static_cast<std::uint32_t>(queues.size());
    info.pQueueCreateInfos = queues.data();
    info.enabledExtensionCount = static_cast<std::uint32_t>(names.size());
    info.ppEnabledExtensionNames = names.data();
    const VkResult result = vkCreateDevice(core.physical, &info, nullptr, &core.device);
    if (result != VK_SUCCESS) return fail_vk(result, "opening {}", core.snapshot.name);

    volkLoadDeviceTable(&core.vk, core.device);
    core.vk.device = core.device;
    if (core.options.dispatch_hook) core.options.dispatch_hook(core.vk);
    core.vk.vkGetDeviceQueue(core.device, core.compute.family, 0, &core.compute.queue);
    if (copies) {
        core.transfer = std::make_unique<QueueCore>();
        core.transfer->family = copies->family;
        core.vk.vkGetDeviceQueue(core.device, copies->family, copies->index, &core.transfer->queue);
    }
    return {};
}

Result<void> create_timeline(DeviceCore& core, QueueCore& queue) {
    VkSemaphoreTypeCreateInfo type{};
    type.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO;
    type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
    VkSemaphoreCreateInfo semaphore{};
    semaphore.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO;
    semaphore.pNext = &type;
    const VkResult result = core.vk.vkCreateSemaphore(core.device, &semaphore, nullptr, &queue.timeline);
    if (result != VK_SUCCESS) return core.fail(result, "creating a timeline of {}", core.snapshot.name);
    return {};
}

Result<void> create_objects(DeviceCore& core) {
    TUFF_CHECK(create_timeline(core, core.compute));
    if (core.transfer) TUFF_CHECK(create_timeline(core, *core.transfer));

    VkPushConstantRange range{};
    range.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
    range.size = kPushConstantBytes;
    VkPipelineLayoutCreateInfo layout{};
    layout.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
    layout.pushConstantRangeCount = 1;
    layout.pPushConstantRanges = &range;
    const VkResult result = core.vk.vkCreatePipelineLayout(core.device, &layout, nullptr, &core.layout);
    if (result != VK_SUCCESS)
        return core.fail(result, "creating the pipeline layout of {}", core.snapshot.name);
    return {};
}

Result<std::shared_ptr<DeviceCore>> open_core(const Instance& instance, std::size_t index,
                                              DeviceSnapshot lowered, DeviceOptions options) {
    const InstanceCore& all = *instance.core();
    if (index >= all.snapshots.size()) {
        return fail(ErrorCode::usage, "there is no device {}; there are {}", index, all.snapshots.size());
    }
    const DeviceSnapshot& probed = all.snapshots[index];
    if (const std::vector<std::string> reasons = why_unusable(lowered); !reasons.empty()) {
        return fail(ErrorCode::unsupported, "{} cannot be used: {}", lowered.name, fmt::join(reasons, ", "));
    }
    const bool other_memory = lowered.heaps.size() != probed.heaps.size() ||
                              lowered.memory_types.size() != probed.memory_types.size();
    if ((lowered.card_memory_type ? *lowered.card_memory_type >= probed.memory_types.size() : other_memory) ||
        lowered.queue_families.size() != probed.queue_families.size()) {
        return fail(ErrorCode::usage, "the snapshot given for device {} is not one of {}", index,
                    probed.name);
    }

    auto core = std::make_shared<DeviceCore>();
    core->instance = instance.core();
    core->physical = all.physical[index];
    core->index = index;
    core->snapshot = std::move(lowered);
    core->options = std::move(options);
    if (core->snapshot.limits.max_allocation_bytes < probed.limits.max_allocation_bytes) {
        core->allocation_limit = core->snapshot.limits.max_allocation_bytes;
    }
    core->compute.family = *compute_family(core->snapshot);
    TUFF_CHECK(create_device(*core));
    settle_threads(core->snapshot, core->instance->threads);
    TUFF_TRY(allocator, create_allocator(*core));
    core->vma = allocator;
    TUFF_CHECK(create_objects(*core));
    core->pipeline_cache = open_pipeline_cache(*core);
    log(LogLevel::info, "device {}: {} ({}, {}), {} {}", index, core->snapshot.name,
        device_type_name(core->snapshot.type), unified(core->snapshot) ? "unified memory" : "its own memory",
        core->snapshot.driver_name, core->snapshot.driver_info);
    return core;
}

}  // namespace

DeviceCore::~DeviceCore() {
    if (device != VK_NULL_HANDLE) {
        vk.vkDeviceWaitIdle(device);  // a lost device says so at once; nothing else to do about it here
        if (!lost) save_pipeline_cache(*this);
        for (const auto& [key, pipeline] : pipelines) {
            vk.vkDestroyPipeline(device, reinterpret_cast<VkPipeline>(pipeline->handle()), nullptr);
        }
        vk.vkDestroyPipelineCache(device, pipeline_cache, nullptr);
        vk.vkDestroyPipelineLayout(device, layout, nullptr);
        vk.vkDestroySemaphore(device, compute.timeline, nullptr);
        if (transfer) vk.vkDestroySemaphore(device, transfer->timeline, nullptr);
        if (vma != nullptr) vmaDestroyAllocator(vma);
        vk.vkDestroyDevice(device, nullptr);
    }
}

Result<void> DeviceCore::check_alive() const {
    if (!lost.load(std::memory_order_relaxed)) return {};
    return std::unexpected(Error{ErrorCode::device_lost,
                                 fmt::format("{} was lost earlier; open it again", snapshot.name),
                                 VK_ERROR_DEVICE_LOST});
}

Result<Moment> DeviceCore::submit(Queue name, VkCommandBuffer commands, std::span<const Moment> after,
                                  std::string_view what) {
    TUFF_CHECK(check_alive());
    const auto at = [this](Queue queue, std::uint64_t value) {
        VkSemaphoreSubmitInfo info{};
        info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO;
        info.semaphore = on(queue).timeline;
        info.value = value;
        info.stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT;
        return info;
    };
    std::vector<VkSemaphoreSubmitInfo> waits;
    for (const Moment& moment : after)
        if (moment.value != 0) waits.push_back(at(moment.queue, moment.value));
    QueueCore& queue = on(name);
    const std::lock_guard lock(queue.mutex);
    const std::uint64_t value = queue.last_value + 1;
    const VkSemaphoreSubmitInfo signal = at(name, value);
    VkCommandBufferSubmitInfo buffer{};
    buffer.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO;
    buffer.commandBuffer = commands;
    VkSubmitInfo2 info{};
    info.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2;
    info.waitSemaphoreInfoCount = static_cast<std::uint32_t>(waits.size());
    info.pWaitSemaphoreInfos = waits.data();
    info.commandBufferInfoCount = 1;
    info.pCommandBufferInfos = &buffer;
    info.signalSemaphoreInfoCount = 1;
    info.pSignalSemaphoreInfos = &signal;
    const VkResult result = vk.vkQueueSubmit2(queue.queue, 1, &info, VK_NULL_HANDLE);
    if (result != VK_SUCCESS) return fail(result, "submitting {} to {}", what, snapshot.name);
    queue.last_value = value;
    return Moment{name, value};
}

Result<std::uint64_t> DeviceCore::submit(VkCommandBuffer commands, std::string_view what) {
    TUFF_TRY(moment, submit(Queue::compute, commands, {}, what));
    return moment.value;
}

Result<bool> DeviceCore::reached(const Moment& moment) {
    TUFF_CHECK(check_alive());
    std::uint64_t value = 0;
    const VkResult result = vk.vkGetSemaphoreCounterValue(device, on(moment.queue).timeline, &value);
    if (result != VK_SUCCESS) return fail(result, "asking how far {} is", snapshot.name);
    return value >= moment.value;
}

VkResult DeviceCore::wait_idle() {
    const std::lock_guard lock(compute.mutex);
    if (!transfer) return vk.vkDeviceWaitIdle(device);
    const std::lock_guard other(transfer->mutex);
    return vk.vkDeviceWaitIdle(device);
}

Result<void> DeviceCore::wait(const Moment& moment, std::string_view what) {
    TUFF_CHECK(check_alive());
    VkSemaphoreWaitInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO;
    info.semaphoreCount = 1;
    info.pSemaphores = &on(moment.queue).timeline;
    info.pValues = &moment.value;
    const VkResult result = vk.vkWaitSemaphores(device, &info, UINT64_MAX);
    if (result != VK_SUCCESS) return fail(result, "waiting for {} on {}", what, snapshot.name);
    return {};
}

void DeviceCore::name_object(VkObjectType type, std::uint64_t handle, std::string_view name) const {
    if (!instance->debug_utils || vkSetDebugUtilsObjectNameEXT == nullptr) return;
    const std::string text(name);
    VkDebugUtilsObjectNameInfoEXT info{};
    info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT;
    info.objectType = type;
    info.objectHandle = handle;
    info.pObjectName = text.c_str();
    vkSetDebugUtilsObjectNameEXT(device, &info);  // a name that cannot be set changes nothing
}

Result<std::unique_ptr<Device>> Device::open(const Instance& instance, std::size_t index,
                                             DeviceSnapshot lowered, DeviceOptions options) {
    try {
        TUFF_TRY(core, open_core(instance, index, std::move(lowered), std::move(options)));
        return std::unique_ptr<Device>(new Device(std::move(core)));
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::out_of_memory, "out of memory while opening a device");
    }
}

Device::Device(std::shared_ptr<DeviceCore> core) : core_(std::move(core)) {}

Device::~Device() {
    core_->wait_idle();
    core_->constants.clear();  // like the staging buffers, they hold on to the core
    destroy_staging(*core_);   // its buffers hold on to the core, which would never go otherwise
}

const DeviceSnapshot& Device::snapshot() const {
    return core_->snapshot;
}

Result<Buffer> Device::allocate(Intent intent, std::uint64_t bytes, std::string_view label) {
    TUFF_TRY(core, core_->allocate(intent, bytes, label));
    return Buffer(std::move(core));
}

std::vector<HeapUse> Device::heap_use() const {
    return core_->heap_use();
}

Result<void> Device::wait_idle() {
    TUFF_CHECK(core_->check_alive());
    const VkResult result = core_->wait_idle();
    if (result != VK_SUCCESS) return core_->fail(result, "waiting for {}", core_->snapshot.name);
    return {};
}

Result<void> Device::wait(const Moment& moment) {
    return core_->wait(moment, "a stream");
}

Result<bool> Device::reached(const Moment& moment) {
    return core_->reached(moment);
}

bool Device::has_transfer_queue() const {
    return core_->transfer != nullptr;
}

bool Device::lost() const {
    return core_->lost.load(std::memory_order_relaxed);
}

}  // namespace tuff::host
