// What drivers are known to do that no Vulkan query tells. Every driver check of the project is here, each
// with the driver, the versions and the evidence; the rest of the code sees features.
#pragma once

#include "host/snapshot.hpp"
#include "host/vk.hpp"

namespace tuff::host {

// Completes the features of a snapshot whose Vulkan properties have been read.
void apply_quirks(VkDriverId driver, DeviceSnapshot& snapshot);

}  // namespace tuff::host
