// A card simulated on a device that shares its memory with the host: a device-local heap with a budget, which
// the host does not see, beside the host's memory. What placement, staging and streaming do on a discrete
// card can then be tested, to the byte, where there is none. Only the bookkeeping is simulated: both heaps
// lie in the same memory.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>

#include "host/snapshot.hpp"

namespace tuff::host {

// Heap 0 of the result is the card's, of `memory_bytes` bytes, heap 1 the host's. usage: the device does not
// share its memory, has no memory type that both sides see, or not that many bytes.
Result<DeviceSnapshot> simulate_card(const DeviceSnapshot& device, std::uint64_t memory_bytes);

}  // namespace tuff::host
