#include "host/fault.hpp"

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "host/dispatch.hpp"

namespace tuff::host {

namespace {

// Counts calls; some of them are to fail.
struct Calls {
    std::atomic<std::uint64_t> seen = 0;
    std::atomic<std::uint64_t> first_failed = FaultInjector::kForever;
    std::atomic<std::uint64_t> failed_count = 0;

    void fail(std::uint64_t nth, std::uint64_t count) {
        seen = 0;
        failed_count = count;
        first_failed = nth;
    }
    bool next_fails() {
        const std::uint64_t number = ++seen, first = first_failed;
        return number >= first && number - first < failed_count;
    }
};

}  // namespace

struct FaultInjector::State {
    Calls allocations, maps;
    std::atomic<std::uint64_t> submits = 0;
    std::atomic<std::uint64_t> losing_submit = kForever;
    std::atomic<bool> lost = false;
};

namespace {

struct Entry {
    std::shared_ptr<FaultInjector::State> state;
    DispatchTable real;
};

// Vulkan's functions carry no user data, so the handle they are called with has to lead back to the injector.
class Registry {
  public:
    void add(void* handle, const Entry& entry) {
        const std::lock_guard lock(mutex_);
        entries_.insert_or_assign(handle, entry);
    }
    // A queue belongs to a device; both go with it.
    void remove_device(VkDevice device) {
        const std::lock_guard lock(mutex_);
        std::erase_if(entries_, [device](const auto& item) { return item.second.real.device == device; });
    }
    Entry find(void* handle) {
        const std::lock_guard lock(mutex_);
        return entries_.at(handle);
    }

  private:
    std::mutex mutex_;
    std::unordered_map<void*, Entry> entries_;
};

Registry& registry() {
    static Registry instance;
    return instance;
}

VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo* info,
                                               const VkAllocationCallbacks* callbacks,
                                               VkDeviceMemory* memory) {
    const Entry entry = registry().find(device);
    if (entry.state->allocations.next_fails()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    return entry.real.vkAllocateMemory(device, info, callbacks, memory);
}

VKAPI_ATTR VkResult VKAPI_CALL map_memory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                          VkDeviceSize bytes, VkMemoryMapFlags flags, void** data) {
    const Entry entry = registry().find(device);
    if (entry.state->maps.next_fails()) return VK_ERROR_MEMORY_MAP_FAILED;
    return entry.real.vkMapMemory(device, memory, offset, bytes, flags, data);
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit2(VkQueue queue, std::uint32_t count, const VkSubmitInfo2* infos,
                                             VkFence fence) {
    const Entry entry = registry().find(queue);
    FaultInjector::State& state = *entry.state;
    if (++state.submits >= state.losing_submit) state.lost = true;
    if (state.lost) return VK_ERROR_DEVICE_LOST;
    return entry.real.vkQueueSubmit2(queue, count, infos, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(VkDevice device, const VkSemaphoreWaitInfo* info,
                                               std::uint64_t timeout) {
    const Entry entry = registry().find(device);
    if (entry.state->lost) return VK_ERROR_DEVICE_LOST;
    return entry.real.vkWaitSemaphores(device, info, timeout);
}

VKAPI_ATTR VkResult VKAPI_CALL device_wait_idle(VkDevice device) {
    const Entry entry = registry().find(device);
    // The real device is well, and must be idle before its objects go.
    const VkResult result = entry.real.vkDeviceWaitIdle(device);
    return entry.state->lost ? VK_ERROR_DEVICE_LOST : result;
}

VKAPI_ATTR void VKAPI_CALL get_device_queue(VkDevice device, std::uint32_t family, std::uint32_t index,
                                            VkQueue* queue) {
    const Entry entry = registry().find(device);
    entry.real.vkGetDeviceQueue(device, family, index, queue);
    registry().add(*queue, entry);
}

VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks* callbacks) {
    const Entry entry = registry().find(device);
    registry().remove_device(device);
    entry.real.vkDestroyDevice(device, callbacks);
}

}  // namespace

FaultInjector::FaultInjector() : state_(std::make_shared<State>()) {}

std::function<void(DispatchTable&)> FaultInjector::hook() const {
    return [state = state_](DispatchTable& table) {
        registry().add(table.device, {state, table});
        table.vkAllocateMemory = allocate_memory;
        table.vkMapMemory = map_memory;
        table.vkQueueSubmit2 = queue_submit2;
        table.vkWaitSemaphores = wait_semaphores;
        table.vkDeviceWaitIdle = device_wait_idle;
        table.vkGetDeviceQueue = get_device_queue;
        table.vkDestroyDevice = destroy_device;
    };
}

void FaultInjector::fail_allocations(std::uint64_t nth, std::uint64_t count) {
    state_->allocations.fail(nth, count);
}

void FaultInjector::fail_maps(std::uint64_t nth, std::uint64_t count) {
    state_->maps.fail(nth, count);
}

void FaultInjector::lose_device_at_submit(std::uint64_t nth) {
    state_->submits = 0;
    state_->losing_submit = nth;
}

std::uint64_t FaultInjector::allocations() const {
    return state_->allocations.seen;
}
std::uint64_t FaultInjector::maps() const {
    return state_->maps.seen;
}
std::uint64_t FaultInjector::submits() const {
    return state_->submits;
}

}  // namespace tuff::host
