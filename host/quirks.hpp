// What drivers are known to do that no Vulkan query tells. Every driver check of the project is here, each
// with the driver, the versions and the evidence; the rest of the code sees features.
#pragma once

#include <cstdint>
#include <string>

#include "host/snapshot.hpp"
#include "host/worker_threads.hpp"

namespace tuff::host {

// Completes the features of a snapshot whose Vulkan properties have been read. `driver_id` is a VkDriverId.
void apply_quirks(std::uint32_t driver_id, DeviceSnapshot& snapshot);

// Binds the threads on which a device that has just been opened computes to a processor each, where that
// helps, and says so in the log. `threads` was made before its driver was loaded.
void settle_threads(const DeviceSnapshot& snapshot, const WorkerThreads& threads);

// What a user should know about the driver before reading its figures, in one sentence; mostly empty.
std::string driver_note(const DeviceSnapshot& snapshot);

}  // namespace tuff::host
