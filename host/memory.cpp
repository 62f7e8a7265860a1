#include "host/memory.hpp"

#include <tuff/log.hpp>

#include <algorithm>

#include "host/bytes.hpp"
#include "host/device_core.hpp"

namespace tuff::host {
namespace {

float priority_of(Intent intent) {
    switch (intent) {
        case Intent::scratch:
            return 1.0F;
        case Intent::cache:
            return 0.9F;
        case Intent::weights:
            return 0.7F;
        case Intent::upload:
        case Intent::readback:
            return 0.3F;
    }
    return 0.5F;
}

std::string heap_name(const Heap& heap, std::size_t index) {
    return fmt::format("heap {} ({})", index, heap.device_local ? "device" : "host");
}

constexpr std::uint64_t kNoWall = VK_WHOLE_SIZE;

// What a lowered snapshot allows in a heap; kNoWall where it is as the driver has it.
std::uint64_t heap_wall(const DeviceCore& core, std::size_t heap) {
    if (core.snapshot.card_memory_type) return kNoWall;  // kept by take_card_bytes
    const Heap& ours = core.snapshot.heaps[heap];
    const Heap& theirs = core.instance->snapshots[core.index].heaps[heap];
    const bool lowered = ours.budget_bytes < theirs.budget_bytes || ours.bytes < theirs.bytes;
    return lowered ? std::min(ours.budget_bytes, ours.bytes) : kNoWall;
}

// "heap 0 (device): 1.2 GiB of 7.5 GiB left, heap 1 (host): ..."
std::string what_is_left(const DeviceCore& core) {
    const std::vector<HeapUse> use = core.heap_use();
    std::string text;
    for (std::size_t i = 0; i < use.size(); ++i) {
        if (i != 0) text += ", ";
        text += fmt::format("{}: {} of {} left", heap_name(core.snapshot.heaps[i], i),
                            bytes_text(use[i].free_bytes), bytes_text(use[i].budget_bytes));
    }
    return text;
}

// One try in one memory type.
VkResult create_in(DeviceCore& core, const Candidate& candidate, std::uint64_t bytes, BufferCore& out) {
    SharedFamilies families;
    const VkBufferCreateInfo info = buffer_info(core, bytes + kTailBytes, families);
    VmaAllocationCreateInfo wish{};
    // Beyond the budget some systems page silently, which is slower than any placement chosen in the open.
    wish.flags = VMA_ALLOCATION_CREATE_WITHIN_BUDGET_BIT;
    if (core.snapshot.memory_types[candidate.type].host_visible)
        wish.flags |= VMA_ALLOCATION_CREATE_MAPPED_BIT;
    const std::optional<std::uint32_t> card = core.snapshot.card_memory_type;
    wish.memoryTypeBits = std::uint32_t{1} << card.value_or(candidate.type);
    const std::uint32_t heap = core.snapshot.memory_types[candidate.type].heap;
    if (card && !core.take_card_bytes(heap, info.size)) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    wish.priority = priority_of(out.intent);
    VmaAllocationInfo got{};
    const VkResult result = vmaCreateBufferWithAlignment(core.vma, &info, &wish, kAddressAlignment,
                                                         &out.buffer, &out.allocation, &got);
    if (result != VK_SUCCESS) {
        if (card) core.return_card_bytes(heap, info.size);
        return result;
    }

    out.size = bytes;
    out.placed.type = card ? candidate.type : got.memoryType;
    out.placed.properties = core.snapshot.memory_types[out.placed.type];
    out.placed.heap = heap;
    out.placed.wish = candidate.wish;
    out.placed.slow = candidate.slow;
    const bool staging = out.intent == Intent::upload || out.intent == Intent::readback;
    if (staging || !core.options.force_staging) out.mapped = static_cast<std::byte*>(got.pMappedData);
    VkBufferDeviceAddressInfo address{};
    address.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO;
    address.buffer = out.buffer;
    out.address = core.vk.vkGetBufferDeviceAddress(core.device, &address);
    return VK_SUCCESS;
}

Result<void> check_size(const DeviceCore& core, Intent intent, std::uint64_t bytes, std::string_view label) {
    const std::uint64_t with_tail = plus_saturating(bytes, kTailBytes);
    const auto too_large = [&](std::string_view limit, std::uint64_t value) {
        return fail(ErrorCode::out_of_device_memory, "'{}' ({}) needs {}, more than {} of {} ({})", label,
                    intent_name(intent), bytes_text(bytes), limit, core.snapshot.name, bytes_text(value));
    };
    const Limits& limits = core.snapshot.limits;
    if (with_tail > limits.max_buffer_bytes) return too_large("the largest buffer", limits.max_buffer_bytes);
    if (core.allocation_limit != 0 && with_tail > core.allocation_limit) {
        return too_large("the largest allocation", core.allocation_limit);
    }
    return {};
}

}  // namespace

VkBufferCreateInfo buffer_info(DeviceCore& core, std::uint64_t bytes, SharedFamilies& families) {
    VkBufferCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    info.size = bytes;
    info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT |
                 VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT;
    // Both queues use every buffer; sharing costs nothing for buffers, handing over would cost a barrier
    // each.
    families = {core.compute.family, core.on(Queue::transfer).family};
    if (families[0] != families[1]) {
        info.sharingMode = VK_SHARING_MODE_CONCURRENT;
        info.queueFamilyIndexCount = static_cast<std::uint32_t>(families.size());
        info.pQueueFamilyIndices = families.data();
    }
    return info;
}

Result<VmaAllocator> create_allocator(DeviceCore& core) {
    const DispatchTable& vk = core.vk;
    VmaVulkanFunctions functions{};
    functions.vkGetPhysicalDeviceProperties = vkGetPhysicalDeviceProperties;
    functions.vkGetPhysicalDeviceMemoryProperties = vkGetPhysicalDeviceMemoryProperties;
    functions.vkGetPhysicalDeviceMemoryProperties2KHR = vkGetPhysicalDeviceMemoryProperties2;
    functions.vkAllocateMemory = vk.vkAllocateMemory;
    functions.vkFreeMemory = vk.vkFreeMemory;
    functions.vkMapMemory = vk.vkMapMemory;
    functions.vkUnmapMemory = vk.vkUnmapMemory;
    functions.vkFlushMappedMemoryRanges = vk.vkFlushMappedMemoryRanges;
    functions.vkInvalidateMappedMemoryRanges = vk.vkInvalidateMappedMemoryRanges;
    functions.vkBindBufferMemory = vk.vkBindBufferMemory;
    functions.vkBindImageMemory = vk.vkBindImageMemory;
    functions.vkGetBufferMemoryRequirements = vk.vkGetBufferMemoryRequirements;
    functions.vkGetImageMemoryRequirements = vk.vkGetImageMemoryRequirements;
    functions.vkCreateBuffer = vk.vkCreateBuffer;
    functions.vkDestroyBuffer = vk.vkDestroyBuffer;
    functions.vkCreateImage = vk.vkCreateImage;
    functions.vkDestroyImage = vk.vkDestroyImage;
    functions.vkCmdCopyBuffer = vk.vkCmdCopyBuffer;
    functions.vkGetBufferMemoryRequirements2KHR = vk.vkGetBufferMemoryRequirements2;
    functions.vkGetImageMemoryRequirements2KHR = vk.vkGetImageMemoryRequirements2;
    functions.vkBindBufferMemory2KHR = vk.vkBindBufferMemory2;
    functions.vkBindImageMemory2KHR = vk.vkBindImageMemory2;
    functions.vkGetDeviceBufferMemoryRequirements = vk.vkGetDeviceBufferMemoryRequirements;
    functions.vkGetDeviceImageMemoryRequirements = vk.vkGetDeviceImageMemoryRequirements;

    // A lowered heap is a wall VMA keeps to; an untouched one is what the driver says it is at any moment.
    std::vector<VkDeviceSize> heap_limits;
    for (std::size_t i = 0; i < core.instance->snapshots[core.index].heaps.size(); ++i) {
        const std::uint64_t wall = heap_wall(core, i);
        // Where the driver tells no budget, VMA takes four fifths of the heap for it.
        const bool told = core.snapshot.has(Feature::memory_budget);
        heap_limits.push_back(wall == kNoWall || told ? wall : wall / 4 * 5);
    }

    VmaAllocatorCreateInfo info{};
    info.flags = VMA_ALLOCATOR_CREATE_BUFFER_DEVICE_ADDRESS_BIT;
    if (core.snapshot.has(Feature::memory_budget)) info.flags |= VMA_ALLOCATOR_CREATE_EXT_MEMORY_BUDGET_BIT;
    if (core.snapshot.has(Feature::memory_priority))
        info.flags |= VMA_ALLOCATOR_CREATE_EXT_MEMORY_PRIORITY_BIT;
    info.physicalDevice = core.physical;
    info.device = core.device;
    info.instance = core.instance->instance;
    info.vulkanApiVersion = VK_API_VERSION_1_3;
    info.pVulkanFunctions = &functions;
    info.pHeapSizeLimit = heap_limits.data();
    VmaAllocator allocator = nullptr;
    const VkResult result = vmaCreateAllocator(&info, &allocator);
    if (result != VK_SUCCESS)
        return fail_vk(result, "creating the memory allocator of {}", core.snapshot.name);
    return allocator;
}

Result<std::unique_ptr<BufferCore>> DeviceCore::allocate(Intent intent, std::uint64_t bytes,
                                                         std::string_view label) {
    TUFF_CHECK(check_alive());
    TUFF_CHECK(check_size(*this, intent, bytes, label));
    auto core = std::make_unique<BufferCore>();
    core->device = shared_from_this();
    core->intent = intent;
    core->label = label;
    VkResult last = VK_ERROR_FEATURE_NOT_PRESENT;
    for (const Candidate& candidate : placement(snapshot, intent)) {
        const VkResult result = create_in(*this, candidate, bytes, *core);
        if (result == VK_SUCCESS) {
            log(LogLevel::debug, "{} of {} for '{}' in memory type {}, {}: {}", bytes_text(bytes),
                intent_name(intent), label, core->placed.type,
                heap_name(snapshot.heaps[core->placed.heap], core->placed.heap), candidate.wish);
            if (candidate.slow && !warned_slow[static_cast<std::size_t>(intent)].exchange(true)) {
                log(LogLevel::warning,
                    "'{}' ({}) is placed in {}: slower, no better memory of {} has {} left", label,
                    intent_name(intent), candidate.wish, snapshot.name, bytes_text(bytes));
            }
            name_object(VK_OBJECT_TYPE_BUFFER, reinterpret_cast<std::uint64_t>(core->buffer), label);
            return core;
        }
        if (result == VK_ERROR_DEVICE_LOST) return fail(result, "allocating '{}'", label);
        // A type this buffer cannot live in says nothing about memory: keep what the others said.
        if (result != VK_ERROR_FEATURE_NOT_PRESENT) last = result;
    }
    if (last == VK_ERROR_FEATURE_NOT_PRESENT) {
        return tuff::fail(ErrorCode::unsupported, "{} has no memory type for {} ('{}')", snapshot.name,
                          intent_name(intent), label);
    }
    Error error{code_of(last), "", static_cast<int>(last)};
    error.message = fmt::format("out of memory on {}: '{}' ({}) needs {}; {}", snapshot.name, label,
                                intent_name(intent), bytes_text(bytes), what_is_left(*this));
    if (bytes > snapshot.limits.max_allocation_bytes) {
        error.message += fmt::format("; the driver promises single allocations up to {} only",
                                     bytes_text(snapshot.limits.max_allocation_bytes));
    }
    return std::unexpected(std::move(error));
}

std::vector<HeapUse> DeviceCore::heap_use() const {
    std::vector<HeapUse> use(snapshot.heaps.size());
    if (snapshot.card_memory_type) {
        const std::lock_guard lock(card_mutex);
        for (std::size_t i = 0; i < use.size(); ++i)
            use[i] = {snapshot.heaps[i].budget_bytes, card_bytes[i],
                      minus_saturating(snapshot.heaps[i].budget_bytes, card_bytes[i]), card_peak_bytes[i]};
        return use;
    }
    std::array<VmaBudget, VK_MAX_MEMORY_HEAPS> budgets{};
    vmaGetHeapBudgets(vma, budgets.data());
    for (std::size_t i = 0; i < use.size(); ++i) {
        use[i].budget_bytes = std::min<std::uint64_t>(budgets[i].budget, heap_wall(*this, i));
        // What a driver reports need not include the host pages it has pinned for us.
        use[i].usage_bytes = std::max<std::uint64_t>(
            budgets[i].usage, budgets[i].statistics.blockBytes + pinned_bytes[i].load());
        use[i].free_bytes = minus_saturating(use[i].budget_bytes, use[i].usage_bytes);
    }
    return use;
}

bool DeviceCore::take_card_bytes(std::uint32_t heap, std::uint64_t bytes) {
    const std::lock_guard lock(card_mutex);
    if (bytes > minus_saturating(snapshot.heaps[heap].budget_bytes, card_bytes[heap])) return false;
    card_bytes[heap] += bytes;
    card_peak_bytes[heap] = std::max(card_peak_bytes[heap], card_bytes[heap]);
    return true;
}

void DeviceCore::return_card_bytes(std::uint32_t heap, std::uint64_t bytes) {
    const std::lock_guard lock(card_mutex);
    card_bytes[heap] -= bytes;
}

BufferCore::~BufferCore() {
    if (allocation != nullptr && device->snapshot.card_memory_type)
        device->return_card_bytes(placed.heap, size + kTailBytes);
    if (imported != VK_NULL_HANDLE) {
        if (device->snapshot.card_memory_type)
            device->return_card_bytes(placed.heap, size + kTailBytes);
        else
            device->pinned_bytes[placed.heap] -= size + kTailBytes;
        device->vk.vkDestroyBuffer(device->device, buffer, nullptr);
        device->vk.vkFreeMemory(device->device, imported, nullptr);
    } else if (allocation != nullptr) {
        vmaDestroyBuffer(device->vma, buffer, allocation);
    } else if (buffer != VK_NULL_HANDLE) {
        device->vk.vkDestroyBuffer(device->device, buffer, nullptr);
    }
}

Buffer::Buffer() = default;
Buffer::Buffer(std::shared_ptr<BufferCore> core) : core_(std::move(core)), size_(core_->size) {}
Buffer::Buffer(Buffer&&) noexcept = default;
Buffer& Buffer::operator=(Buffer&&) noexcept = default;
Buffer::~Buffer() = default;

std::uint64_t Buffer::size() const {
    return core_ ? size_ : 0;
}
std::uint64_t Buffer::address() const {
    return core_ ? core_->address + offset_ : 0;
}

std::span<std::byte> Buffer::mapped() const {
    if (!core_ || core_->mapped == nullptr) return {};
    return {core_->mapped + offset_, static_cast<std::size_t>(size_)};
}

bool Buffer::in_place() const {
    return !mapped().empty() && where().properties.host_coherent;
}

Result<Buffer> Buffer::part(std::uint64_t offset, std::uint64_t bytes) const {
    if (!within(offset, bytes, size()) || offset % kAddressAlignment != 0)
        return fail(ErrorCode::usage,
                    "{} bytes at {} are no part of '{}' of {} bytes, or do not begin at a multiple of {}",
                    bytes, offset, label(), size(), kAddressAlignment);
    Buffer part;
    part.core_ = core_;
    part.offset_ = offset_ + offset;
    part.size_ = bytes;
    return part;
}

Intent Buffer::intent() const {
    return core_ ? core_->intent : Intent::scratch;
}

const Placed& Buffer::where() const {
    static const Placed nowhere;
    return core_ ? core_->placed : nowhere;
}

std::string_view Buffer::label() const {
    return core_ ? std::string_view(core_->label) : std::string_view();
}

}  // namespace tuff::host
