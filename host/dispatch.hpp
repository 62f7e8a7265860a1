// The Vulkan functions of one device. Every call on a device, VMA's included, goes through its table, so a
// test that replaces an entry sees them all. Includes Vulkan's headers: for host/ and its tests only.
#pragma once

#include "host/vk.hpp"

namespace tuff::host {

// `device` is already created when a DeviceOptions::dispatch_hook sees the table, and every entry is loaded.
struct DispatchTable : VolkDeviceTable {
    VkDevice device = VK_NULL_HANDLE;
};

}  // namespace tuff::host
