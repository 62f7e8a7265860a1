#include "host/simulated_card.hpp"

#include <algorithm>

#include "host/bytes.hpp"

namespace tuff::host {

Result<DeviceSnapshot> simulate_card(const DeviceSnapshot& device, std::uint64_t memory_bytes) {
    if (!unified(device))
        return fail(ErrorCode::usage,
                    "{} has memory of its own; a card is simulated on a device that shares its memory",
                    device.name);
    const auto shared = std::ranges::find_if(device.memory_types, [](const MemoryType& type) {
        return type.device_local && type.host_visible && type.host_coherent && type.host_cached &&
               !type.special;
    });
    if (shared == device.memory_types.end())
        return fail(ErrorCode::usage, "{} has no memory type for simulating a card", device.name);
    const Heap real = device.heaps[shared->heap];
    if (memory_bytes == 0 || memory_bytes > real.bytes)
        return fail(ErrorCode::usage, "a card of {} bytes cannot be simulated in a heap of {}", memory_bytes,
                    real.bytes);

    DeviceSnapshot card = device;
    card.card_memory_type = static_cast<std::uint32_t>(shared - device.memory_types.begin());
    card.heaps = {{memory_bytes, true, memory_bytes, 0},
                  {real.bytes, false, real.budget_bytes, real.usage_bytes}};
    card.memory_types = {{0, true, false, false, false, false}, {1, false, true, true, true, false}};
    return card;
}

}  // namespace tuff::host
