// Private to host/: what stands behind an Instance.
#pragma once

#include <atomic>
#include <vector>

#include "host/snapshot.hpp"
#include "host/vk.hpp"
#include "host/worker_threads.hpp"

namespace tuff::host {

struct InstanceCore {
    WorkerThreads threads;  // counted before any driver is loaded
    VkInstance instance = VK_NULL_HANDLE;
    VkDebugUtilsMessengerEXT messenger = VK_NULL_HANDLE;
    bool debug_utils = false;
    std::vector<VkPhysicalDevice> physical;  // in the order of `snapshots`
    std::vector<DeviceSnapshot> snapshots;
    std::atomic<std::uint64_t> validation_messages = 0;

    InstanceCore() = default;
    InstanceCore(const InstanceCore&) = delete;
    InstanceCore& operator=(const InstanceCore&) = delete;
    ~InstanceCore();
};

// Reads everything a snapshot holds from a device.
Result<DeviceSnapshot> probe(VkPhysicalDevice physical);

// Names of the extensions a device offers.
Result<std::vector<std::string>> device_extensions(VkPhysicalDevice physical);

}  // namespace tuff::host
