#include "host/transfer.hpp"

#include <algorithm>
#include <cstring>

#include "host/bytes.hpp"
#include "host/commands.hpp"
#include "host/device_core.hpp"

namespace tuff::host {
namespace {

Result<void> check_range(const Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                         std::string_view what) {
    if (within(offset, bytes, buffer.size())) return {};
    return fail(ErrorCode::usage, "{} of {} bytes at {} does not lie within '{}' of {} bytes", what, bytes,
                offset, buffer.label(), buffer.size());
}

Result<void> prepare_pool(DeviceCore& core) {
    if (core.staging.pool != VK_NULL_HANDLE) return {};
    TUFF_TRY(pool, create_command_pool(core, Queue::compute, "transfers"));
    core.staging.pool = pool;
    TUFF_TRY(plain, create_command_buffer(core, pool));
    core.staging.plain = plain;
    for (auto* ring : {&core.staging.upload, &core.staging.readback}) {
        for (StagingSlot& slot : *ring) {
            TUFF_TRY(commands, create_command_buffer(core, pool));
            slot.commands = commands;
        }
    }
    return {};
}

// Slots of at least `least` bytes; a ring that is too small is made anew.
Result<void> prepare_ring(DeviceCore& core, std::array<StagingSlot, 2>& ring, Intent intent,
                          std::uint64_t least) {
    TUFF_CHECK(prepare_pool(core));
    const std::uint64_t bytes = std::max(least, staging_slot_bytes(core.snapshot));
    for (StagingSlot& slot : ring) {
        if (slot.buffer && slot.buffer->size >= least) continue;
        slot.buffer.reset();
        TUFF_TRY(buffer, core.allocate(intent, bytes, "staging"));
        if (buffer->mapped == nullptr) {
            return fail(ErrorCode::internal, "staging memory on {} is not mapped", core.snapshot.name);
        }
        slot.buffer = std::move(buffer);
    }
    return {};
}

// Records one copy, ordered after everything submitted before and before everything submitted after, and
// submits it.
Result<std::uint64_t> submit_copy(DeviceCore& core, VkCommandBuffer commands, VkBuffer from,
                                  std::uint64_t from_offset, VkBuffer to, std::uint64_t to_offset,
                                  std::uint64_t bytes, std::string_view what) {
    TUFF_CHECK(begin_commands(core, Queue::compute, commands));
    const VkBufferCopy region{from_offset, to_offset, bytes};
    core.vk.vkCmdCopyBuffer(commands, from, to, 1, &region);
    TUFF_CHECK(end_commands(core, Queue::compute, commands));
    return core.submit(commands, what);
}

Result<void> flush(DeviceCore& core, const BufferCore& buffer, std::uint64_t offset, std::uint64_t bytes) {
    if (buffer.allocation == nullptr) return {};  // imported memory is coherent
    const VkResult result = vmaFlushAllocation(core.vma, buffer.allocation, offset, bytes);
    if (result != VK_SUCCESS) return core.fail(result, "flushing '{}'", buffer.label);
    return {};
}

Result<void> invalidate(DeviceCore& core, const BufferCore& buffer, std::uint64_t offset,
                        std::uint64_t bytes) {
    if (buffer.allocation == nullptr) return {};
    const VkResult result = vmaInvalidateAllocation(core.vma, buffer.allocation, offset, bytes);
    if (result != VK_SUCCESS) return core.fail(result, "reading '{}'", buffer.label);
    return {};
}

// Waits for copies in flight when a transfer ends early, so that its caller may free the buffers.
class Drain {
  public:
    Drain(DeviceCore& core, const std::uint64_t& last) : core_(core), last_(last) {}
    Drain(const Drain&) = delete;
    Drain& operator=(const Drain&) = delete;
    ~Drain() { (void)core_.wait(last_, "a transfer"); }

  private:
    DeviceCore& core_;
    const std::uint64_t& last_;
};

Result<void> upload_staged(DeviceCore& core, BufferCore& buffer, std::uint64_t offset, std::uint64_t bytes,
                           const FillChunk& fill_chunk, std::uint64_t granule) {
    Staging& staging = core.staging;
    const std::lock_guard lock(staging.mutex);
    TUFF_CHECK(prepare_ring(core, staging.upload, Intent::upload, granule));
    std::uint64_t last = 0;
    const Drain drain(core, last);
    std::size_t turn = 0;
    for (std::uint64_t at = 0; at < bytes;) {
        StagingSlot& slot = staging.upload[turn++ % staging.upload.size()];
        TUFF_CHECK(core.wait(slot.done, "an upload"));
        const std::uint64_t chunk = std::min(bytes - at, slot.buffer->size / granule * granule);
        fill_chunk(at, {slot.buffer->mapped, static_cast<std::size_t>(chunk)});
        TUFF_CHECK(flush(core, *slot.buffer, 0, chunk));
        TUFF_TRY(value, submit_copy(core, slot.commands, slot.buffer->buffer, 0, buffer.buffer, offset + at,
                                    chunk, "an upload"));
        slot.done = last = value;
        at += chunk;
    }
    return core.wait(last, "an upload");
}

Result<void> readback_staged(DeviceCore& core, const BufferCore& buffer, std::uint64_t offset,
                             std::span<std::byte> out) {
    Staging& staging = core.staging;
    const std::lock_guard lock(staging.mutex);
    TUFF_CHECK(prepare_ring(core, staging.readback, Intent::readback, 1));
    // One copy runs ahead of the one being emptied.
    std::uint64_t last = 0;
    const Drain drain(core, last);
    std::uint64_t asked = 0;
    std::uint64_t got = 0;
    const std::uint64_t slot_bytes =
        std::min(staging.readback[0].buffer->size, staging.readback[1].buffer->size);
    const auto slot_at = [&](std::uint64_t at) -> StagingSlot& {
        return staging.readback[at / slot_bytes % 2];
    };
    while (got < out.size()) {
        while (asked < out.size() && asked < got + 2 * slot_bytes) {
            StagingSlot& slot = slot_at(asked);
            const std::uint64_t chunk = std::min(out.size() - asked, slot_bytes);
            TUFF_TRY(value, submit_copy(core, slot.commands, buffer.buffer, offset + asked,
                                        slot.buffer->buffer, 0, chunk, "a readback"));
            slot.done = last = value;
            asked += chunk;
        }
        StagingSlot& slot = slot_at(got);
        const std::uint64_t chunk = std::min(out.size() - got, slot_bytes);
        TUFF_CHECK(core.wait(slot.done, "a readback"));
        TUFF_CHECK(invalidate(core, *slot.buffer, 0, chunk));
        std::memcpy(out.data() + got, slot.buffer->mapped, static_cast<std::size_t>(chunk));
        got += chunk;
    }
    return {};
}

Result<void> upload_chunks(Device& device, Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                           const FillChunk& fill_chunk, std::uint64_t granule) {
    DeviceCore& core = *device.core();
    TUFF_CHECK(core.check_alive());
    TUFF_CHECK(check_range(buffer, offset, bytes, "an upload"));
    if (granule == 0)
        return fail(ErrorCode::usage, "an upload into '{}' in chunks of 0 bytes", buffer.label());
    if (bytes == 0) return {};
    BufferCore& to = *buffer.core();
    offset += buffer.core_offset();
    if (to.mapped == nullptr) return upload_staged(core, to, offset, bytes, fill_chunk, granule);
    fill_chunk(0, {to.mapped + offset, static_cast<std::size_t>(bytes)});
    return flush(core, to, offset, bytes);
}

}  // namespace

Result<void> upload(Device& device, Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                    const FillChunk& fill, std::uint64_t granule) {
    try {
        return upload_chunks(device, buffer, offset, bytes, fill, granule);
    } catch (const std::exception& error) {
        return fail(ErrorCode::internal, "writing '{}': {}", buffer.label(), error.what());
    }
}

Result<void> upload(Device& device, Buffer& buffer, std::uint64_t offset, std::span<const std::byte> data) {
    return upload(device, buffer, offset, data.size(), [data](std::uint64_t at, std::span<std::byte> chunk) {
        std::memcpy(chunk.data(), data.data() + at, chunk.size());
    });
}

Result<void> readback(Device& device, const Buffer& buffer, std::uint64_t offset, std::span<std::byte> out) {
    DeviceCore& core = *device.core();
    TUFF_CHECK(core.check_alive());
    TUFF_CHECK(check_range(buffer, offset, out.size(), "a readback"));
    if (out.empty()) return {};
    const BufferCore& from = *buffer.core();
    offset += buffer.core_offset();
    // The host reads memory that is not cached a word at a time; a copy by the device is faster from there.
    const bool in_place =
        from.mapped != nullptr && (from.placed.properties.host_cached || unified(core.snapshot));
    if (!in_place) return readback_staged(core, from, offset, out);
    TUFF_CHECK(invalidate(core, from, offset, out.size()));
    std::memcpy(out.data(), from.mapped + offset, out.size());
    return {};
}

Result<void> fill(Device& device, Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                  std::uint32_t word) {
    DeviceCore& core = *device.core();
    TUFF_CHECK(core.check_alive());
    TUFF_CHECK(check_range(buffer, offset, bytes, "a fill"));
    if (offset % 4 != 0 || bytes % 4 != 0) {
        return fail(ErrorCode::usage, "a fill of {} bytes at {} in '{}' is not in words of 4", bytes, offset,
                    buffer.label());
    }
    if (bytes == 0) return {};
    BufferCore& to = *buffer.core();
    offset += buffer.core_offset();
    if (to.mapped != nullptr) {
        for (std::uint64_t at = 0; at < bytes; at += 4) std::memcpy(to.mapped + offset + at, &word, 4);
        return flush(core, to, offset, bytes);
    }
    const std::lock_guard lock(core.staging.mutex);
    TUFF_CHECK(prepare_pool(core));
    const VkCommandBuffer commands = core.staging.plain;
    TUFF_CHECK(begin_commands(core, Queue::compute, commands));
    core.vk.vkCmdFillBuffer(commands, to.buffer, offset, bytes, word);
    TUFF_CHECK(end_commands(core, Queue::compute, commands));
    TUFF_TRY(value, core.submit(commands, "a fill"));
    return core.wait(value, "a fill");
}

void destroy_staging(DeviceCore& core) {
    Staging& staging = core.staging;
    const std::lock_guard lock(staging.mutex);
    for (auto* ring : {&staging.upload, &staging.readback}) {
        for (StagingSlot& slot : *ring) slot = {};
    }
    core.vk.vkDestroyCommandPool(core.device, staging.pool, nullptr);
    staging.pool = VK_NULL_HANDLE;
}

}  // namespace tuff::host
