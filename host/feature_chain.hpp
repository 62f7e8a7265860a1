// Private to host/: which Vulkan structure members and extension stand behind each Feature. The same list
// reads the features of a device and asks for them when it is opened.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/snapshot.hpp"
#include "host/vk.hpp"

namespace tuff::host {

struct FeatureChain {
    VkPhysicalDeviceFeatures2 core{};
    VkPhysicalDeviceVulkan11Features v11{};
    VkPhysicalDeviceVulkan12Features v12{};
    VkPhysicalDeviceVulkan13Features v13{};
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix{};
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2{};
    VkPhysicalDeviceShaderAtomicFloatFeaturesEXT atomic_float{};
    VkPhysicalDeviceMemoryPriorityFeaturesEXT priority{};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable{};
#ifdef VK_KHR_shader_bfloat16
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bfloat16{};
#endif

    FeatureChain();
    FeatureChain(const FeatureChain&) = delete;
    FeatureChain& operator=(const FeatureChain&) = delete;

    // Links the core structures and those of the named extensions, starting at `core`.
    void link(std::span<const std::string> extensions);
};

struct FeatureSource {
    using Bit = VkBool32& (*)(FeatureChain&);
    Feature feature;
    const char* extension;  // needed besides Vulkan 1.3, or nullptr
    std::vector<Bit> bits;  // all must be true; none: the extension alone decides
};

// Features not listed are read from properties and need nothing to be enabled (host/probe.cpp).
std::span<const FeatureSource> feature_sources();

}  // namespace tuff::host
