#include "host/import.hpp"

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "host/bytes.hpp"
#include "host/device_core.hpp"

namespace tuff::host {
namespace {

constexpr VkExternalMemoryHandleTypeFlagBits kHandle = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;

// The memory type for an imported pointer: coherent, so that nobody has to flush what the host writes.
Result<std::uint32_t> import_type(const DeviceCore& core, std::uint32_t allowed, std::string_view label) {
    const auto& types = core.snapshot.memory_types;
    // A simulated card's host memory is its second type.
    if (core.snapshot.card_memory_type) allowed = allowed >> *core.snapshot.card_memory_type & 1 ? 2 : 0;
    for (std::uint32_t i = 0; i < types.size(); ++i)
        if ((allowed >> i & 1) != 0 && !types[i].special && types[i].host_visible && types[i].host_coherent)
            return i;
    return fail(ErrorCode::unsupported, "{} has no coherent memory type for importing '{}'",
                core.snapshot.name, label);
}

// Pages that are pinned count against their heap, though the driver may not say so until a submission fails.
Result<void> check_room(DeviceCore& core, std::uint32_t heap, std::uint64_t bytes, std::string_view label) {
    const HeapUse use = core.heap_use()[heap];
    if (bytes <= use.free_bytes) return {};
    return fail(ErrorCode::unsupported, "importing '{}' would pin {}; heap {} of {} has {} left", label,
                bytes_text(bytes), heap, core.snapshot.name, bytes_text(use.free_bytes));
}

Result<void> import_into(DeviceCore& core, BufferCore& out, std::span<std::byte> memory) {
    VkMemoryHostPointerPropertiesEXT properties{};
    properties.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT;
    VkResult result =
        core.vk.vkGetMemoryHostPointerPropertiesEXT(core.device, kHandle, memory.data(), &properties);
    if (result != VK_SUCCESS)
        return fail(ErrorCode::unsupported, "{} does not take the memory of '{}'", core.snapshot.name,
                    out.label);

    VkExternalMemoryBufferCreateInfo external{};
    external.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO;
    external.handleTypes = kHandle;
    SharedFamilies families;
    VkBufferCreateInfo info = buffer_info(core, memory.size(), families);
    info.pNext = &external;
    result = core.vk.vkCreateBuffer(core.device, &info, nullptr, &out.buffer);
    if (result != VK_SUCCESS) return core.fail(result, "creating the buffer of imported '{}'", out.label);
    VkMemoryRequirements needs{};
    core.vk.vkGetBufferMemoryRequirements(core.device, out.buffer, &needs);
    if (needs.size > memory.size())
        return fail(ErrorCode::unsupported, "{} wants {} for a buffer over the {} of '{}'",
                    core.snapshot.name, bytes_text(needs.size), bytes_text(memory.size()), out.label);
    TUFF_TRY(type, import_type(core, needs.memoryTypeBits & properties.memoryTypeBits, out.label));
    out.placed = {type, core.snapshot.memory_types[type].heap, core.snapshot.memory_types[type],
                  "host memory, imported", false};
    TUFF_CHECK(check_room(core, out.placed.heap, memory.size(), out.label));

    VkMemoryAllocateFlagsInfo flags{};
    flags.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO;
    flags.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
    VkImportMemoryHostPointerInfoEXT import{};
    import.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT;
    import.pNext = &flags;
    import.handleType = kHandle;
    import.pHostPointer = memory.data();
    VkMemoryAllocateInfo allocate{};
    allocate.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
    allocate.pNext = &import;
    allocate.allocationSize = memory.size();
    allocate.memoryTypeIndex = core.snapshot.card_memory_type.value_or(type);
    result = core.vk.vkAllocateMemory(core.device, &allocate, nullptr, &out.imported);
    // "May fail for platform-specific reasons", says the specification: never the end of the matter.
    if (result != VK_SUCCESS)
        return fail(ErrorCode::unsupported, "{} did not import the {} of '{}' ({})", core.snapshot.name,
                    bytes_text(memory.size()), out.label, result_name(result));
    if (!core.snapshot.card_memory_type) {
        core.pinned_bytes[out.placed.heap] += memory.size();
    } else if (!core.take_card_bytes(out.placed.heap, memory.size())) {
        core.vk.vkFreeMemory(core.device, std::exchange(out.imported, VK_NULL_HANDLE), nullptr);
        return fail(ErrorCode::unsupported, "no room for '{}'", out.label);
    }
    out.size = memory.size() - kTailBytes;
    out.mapped = memory.data();
    result = core.vk.vkBindBufferMemory(core.device, out.buffer, out.imported, 0);
    if (result != VK_SUCCESS) return core.fail(result, "binding imported '{}'", out.label);
    VkBufferDeviceAddressInfo address{};
    address.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO;
    address.buffer = out.buffer;
    out.address = core.vk.vkGetBufferDeviceAddress(core.device, &address);
    return {};
}

}  // namespace

Result<HostMemory> HostMemory::allocate(std::uint64_t bytes, std::uint64_t alignment) {
    const std::uint64_t size = plus_saturating(bytes, alignment - 1) / alignment * alignment;
    const std::uint64_t with_slack = plus_saturating(size, alignment);
    void* pages = with_slack > SIZE_MAX / 2
                      ? MAP_FAILED
                      : mmap(nullptr, with_slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return fail(ErrorCode::out_of_memory, "no room for {} of host memory: {}", bytes_text(bytes),
                    std::strerror(errno));
    HostMemory memory;
    auto* first = static_cast<std::byte*>(pages);
    const std::uint64_t skip = (alignment - reinterpret_cast<std::uintptr_t>(first) % alignment) % alignment;
    memory.mapping_ = {first, static_cast<std::size_t>(with_slack)};
    memory.bytes_ = {first + skip, static_cast<std::size_t>(size)};
    return memory;
}

HostMemory::HostMemory(HostMemory&& other) noexcept
    : mapping_(std::exchange(other.mapping_, {})), bytes_(std::exchange(other.bytes_, {})) {}

HostMemory& HostMemory::operator=(HostMemory&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

HostMemory::~HostMemory() {
    if (!mapping_.empty()) munmap(mapping_.data(), mapping_.size());
}

std::uint64_t import_alignment(const DeviceSnapshot& device) {
    return device.has(Feature::external_memory_host) ? device.limits.min_imported_host_pointer_alignment : 0;
}

Result<Buffer> import_host(Device& device, std::span<std::byte> memory, std::string_view label) {
    DeviceCore& core = *device.core();
    TUFF_CHECK(core.check_alive());
    const std::uint64_t alignment = import_alignment(core.snapshot);
    if (alignment == 0 || core.vk.vkGetMemoryHostPointerPropertiesEXT == nullptr)
        return fail(ErrorCode::unsupported, "{} does not import host memory", core.snapshot.name);
    if (reinterpret_cast<std::uintptr_t>(memory.data()) % alignment != 0 || memory.size() % alignment != 0)
        return fail(ErrorCode::unsupported,
                    "'{}': {} bytes at {} are not in multiples of {}, as {} imports them", label,
                    memory.size(), static_cast<const void*>(memory.data()), alignment, core.snapshot.name);
    if (memory.size() <= kTailBytes)
        return fail(ErrorCode::unsupported, "'{}': {} bytes leave nothing beside a buffer's tail of {}",
                    label, memory.size(), kTailBytes);
    auto buffer = std::make_unique<BufferCore>();
    buffer->device = device.core();
    buffer->intent = Intent::upload;
    buffer->label = label;
    TUFF_CHECK(import_into(core, *buffer, memory));
    return Buffer(std::move(buffer));
}

}  // namespace tuff::host
