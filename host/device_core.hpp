// Private to host/: what stands behind a Device. Buffers, streams and the Device share it, so that it goes
// last.
#pragma once

#include <tuff/result.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "host/device.hpp"
#include "host/dispatch.hpp"
#include "host/instance_core.hpp"
#include "host/memory.hpp"
#include "host/queue.hpp"
#include "host/vma.hpp"

namespace tuff::host {

struct DeviceCore;

struct BufferCore {
    std::shared_ptr<DeviceCore> device;
    VkBuffer buffer = VK_NULL_HANDLE;
    VmaAllocation allocation = nullptr;        // null for imported memory
    VkDeviceMemory imported = VK_NULL_HANDLE;  // host memory that is not ours, see host/import.hpp
    std::byte* mapped = nullptr;               // null also where writing in place is switched off
    std::uint64_t size = 0;
    std::uint64_t address = 0;
    Intent intent = Intent::scratch;
    Placed placed;
    std::string label;

    BufferCore() = default;
    BufferCore(const BufferCore&) = delete;
    BufferCore& operator=(const BufferCore&) = delete;
    ~BufferCore();
};

// A staging buffer with the command buffer that copies from or to it.
struct StagingSlot {
    std::unique_ptr<BufferCore> buffer;
    VkCommandBuffer commands = VK_NULL_HANDLE;
    std::uint64_t done = 0;  // timeline value that frees it
};

// Two slots for each direction: one is filled or emptied by the host while the other is copied by the device.
struct Staging {
    std::mutex mutex;  // one transfer at a time
    VkCommandPool pool = VK_NULL_HANDLE;
    std::array<StagingSlot, 2> upload;
    std::array<StagingSlot, 2> readback;
    VkCommandBuffer plain = VK_NULL_HANDLE;  // for commands without a staging buffer
};

struct QueueCore {
    std::uint32_t family = 0;
    VkQueue queue = VK_NULL_HANDLE;
    std::mutex mutex;  // guards `queue` and `last_value`
    VkSemaphore timeline = VK_NULL_HANDLE;
    std::uint64_t last_value = 0;
};

struct DeviceCore : std::enable_shared_from_this<DeviceCore> {
    std::shared_ptr<InstanceCore> instance;
    VkPhysicalDevice physical = VK_NULL_HANDLE;
    std::size_t index = 0;  // of the device among the instance's
    DeviceSnapshot snapshot;
    DeviceOptions options;
    std::uint64_t allocation_limit = 0;  // of one allocation, where the snapshot was lowered; 0: none

    DispatchTable vk;
    VkDevice device = VK_NULL_HANDLE;
    VmaAllocator vma = nullptr;
    VkPipelineLayout layout = VK_NULL_HANDLE;

    QueueCore compute;
    std::unique_ptr<QueueCore> transfer;  // null: copies run on the compute queue
    std::atomic<bool> lost = false;
    std::array<std::atomic<std::uint64_t>, VK_MAX_MEMORY_HEAPS> pinned_bytes{};  // imported, by heap
    // Where a card is simulated: what lies in each of its heaps, and the most that ever did.
    mutable std::mutex card_mutex;
    std::array<std::uint64_t, 2> card_bytes{}, card_peak_bytes{};

    std::mutex pipeline_mutex;  // guards the next two
    std::map<std::pair<std::string, std::vector<std::uint32_t>>, std::unique_ptr<Pipeline>> pipelines;
    VkPipelineCache pipeline_cache = VK_NULL_HANDLE;
    std::vector<char> pipeline_cache_file;  // what was read from disk

    std::mutex constant_mutex;
    std::map<std::string, Buffer, std::less<>>
        constants;  // by name; they hold on to the core, the Device lets them go

    std::array<std::atomic<bool>, 5> warned_slow{};  // by intent
    Staging staging;

    DeviceCore() = default;
    DeviceCore(const DeviceCore&) = delete;
    DeviceCore& operator=(const DeviceCore&) = delete;
    ~DeviceCore();

    [[nodiscard]] QueueCore& on(Queue name) {
        return name == Queue::transfer && transfer ? *transfer : compute;
    }

    // Submits one recorded command buffer, to start when all of `after` are over.
    Result<Moment> submit(Queue queue, VkCommandBuffer commands, std::span<const Moment> after,
                          std::string_view what);
    // The same on the compute queue, after nothing but what was submitted to it before.
    Result<std::uint64_t> submit(VkCommandBuffer commands, std::string_view what);
    // Blocks until a moment is over.
    Result<void> wait(const Moment& moment, std::string_view what);
    Result<void> wait(std::uint64_t value, std::string_view what) {
        return wait(Moment{Queue::compute, value}, what);
    }
    // Whether it is over, without waiting.
    Result<bool> reached(const Moment& moment);
    // Blocks until every queue is idle.
    VkResult wait_idle();
    Result<void> check_alive() const;

    // Like host::fail_vk, and remembers a lost device.
    template <class... Args>
    [[nodiscard]] std::unexpected<Error> fail(VkResult result, fmt::format_string<Args...> text,
                                              Args&&... args) {
        if (result == VK_ERROR_DEVICE_LOST) lost.store(true, std::memory_order_relaxed);
        return fail_vk(result, text, std::forward<Args>(args)...);
    }

    // Takes room in a heap of a simulated card; false: there is not enough.
    bool take_card_bytes(std::uint32_t heap, std::uint64_t bytes);
    void return_card_bytes(std::uint32_t heap, std::uint64_t bytes);

    Result<std::unique_ptr<BufferCore>> allocate(Intent intent, std::uint64_t bytes, std::string_view label);
    std::vector<HeapUse> heap_use() const;
    void name_object(VkObjectType type, std::uint64_t handle, std::string_view name) const;
};

// host/memory.cpp
Result<VmaAllocator> create_allocator(DeviceCore& core);
using SharedFamilies = std::array<std::uint32_t, 2>;
// For a buffer of `bytes` bytes in all; `families` must live as long as the result is used.
VkBufferCreateInfo buffer_info(DeviceCore& core, std::uint64_t bytes, SharedFamilies& families);

// host/pipeline_cache.cpp: never fail, what goes wrong is logged and costs a compilation.
VkPipelineCache open_pipeline_cache(DeviceCore& core);
void save_pipeline_cache(DeviceCore& core);

// host/transfer.cpp
void destroy_staging(DeviceCore& core);

}  // namespace tuff::host
