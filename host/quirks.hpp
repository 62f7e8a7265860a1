// What drivers are known to do that no Vulkan query tells. Every driver check of the project is here, each
// with the driver, the versions and the evidence; the rest of the code sees features.
#pragma once

#include <cstdint>
#include <string>

#include "host/snapshot.hpp"

namespace tuff::host {

// Completes the features of a snapshot whose Vulkan properties have been read. `driver_id` is a VkDriverId.
void apply_quirks(std::uint32_t driver_id, DeviceSnapshot& snapshot);

// What a user should know about the driver before reading its figures, in one sentence; mostly empty.
std::string driver_note(const DeviceSnapshot& snapshot);

}  // namespace tuff::host
