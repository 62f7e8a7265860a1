// Reads a DeviceSnapshot from a physical device.
#include <algorithm>
#include <cstring>
#include <string>

#include "host/feature_chain.hpp"
#include "host/instance_core.hpp"
#include "host/quirks.hpp"

namespace tuff::host {
namespace {

bool listed(const std::vector<std::string>& extensions, const char* name) {
    return std::ranges::find(extensions, name) != extensions.end();
}

DeviceType device_type(VkPhysicalDeviceType type) {
    switch (type) {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
            return DeviceType::discrete;
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
            return DeviceType::integrated;
        case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
            return DeviceType::virtual_;
        case VK_PHYSICAL_DEVICE_TYPE_CPU:
            return DeviceType::cpu;
        default:
            return DeviceType::other;
    }
}

std::string component_name(VkComponentTypeKHR type) {
    switch (type) {
        case VK_COMPONENT_TYPE_FLOAT16_KHR:
            return "f16";
        case VK_COMPONENT_TYPE_FLOAT32_KHR:
            return "f32";
        case VK_COMPONENT_TYPE_FLOAT64_KHR:
            return "f64";
        case VK_COMPONENT_TYPE_SINT8_KHR:
            return "s8";
        case VK_COMPONENT_TYPE_SINT16_KHR:
            return "s16";
        case VK_COMPONENT_TYPE_SINT32_KHR:
            return "s32";
        case VK_COMPONENT_TYPE_SINT64_KHR:
            return "s64";
        case VK_COMPONENT_TYPE_UINT8_KHR:
            return "u8";
        case VK_COMPONENT_TYPE_UINT16_KHR:
            return "u16";
        case VK_COMPONENT_TYPE_UINT32_KHR:
            return "u32";
        case VK_COMPONENT_TYPE_UINT64_KHR:
            return "u64";
        default:
            break;
    }
    // VK_COMPONENT_TYPE_BFLOAT16_KHR; headers before 1.4.311 do not have the name.
    if (static_cast<std::uint32_t>(type) == 1000141000) return "bf16";
    return "other";
}

std::string scope_name(VkScopeKHR scope) {
    switch (scope) {
        case VK_SCOPE_DEVICE_KHR:
            return "device";
        case VK_SCOPE_WORKGROUP_KHR:
            return "workgroup";
        case VK_SCOPE_SUBGROUP_KHR:
            return "subgroup";
        case VK_SCOPE_QUEUE_FAMILY_KHR:
            return "queue_family";
        default:
            return "other";
    }
}

void read_identity(const VkPhysicalDeviceProperties& properties, DeviceSnapshot& out) {
    out.name = properties.deviceName;
    out.type = device_type(properties.deviceType);
    out.driver_version = properties.driverVersion;
    out.api_version = properties.apiVersion;
    out.vendor_id = properties.vendorID;
    out.device_id = properties.deviceID;
    std::copy_n(properties.pipelineCacheUUID, 16, out.pipeline_cache_uuid.begin());
}

void read_limits(const VkPhysicalDeviceLimits& in, Limits& out) {
    std::copy_n(in.maxComputeWorkGroupSize, 3, out.max_workgroup_size.begin());
    std::copy_n(in.maxComputeWorkGroupCount, 3, out.max_workgroup_count.begin());
    out.max_workgroup_invocations = in.maxComputeWorkGroupInvocations;
    out.shared_memory_bytes = in.maxComputeSharedMemorySize;
    out.push_constant_bytes = in.maxPushConstantsSize;
    out.max_allocation_count = in.maxMemoryAllocationCount;
    out.non_coherent_atom_bytes = in.nonCoherentAtomSize;
    out.timestamp_period_ns = static_cast<double>(in.timestampPeriod);
}

void read_heaps(VkPhysicalDevice physical, bool with_budget, DeviceSnapshot& out) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{};
    budget.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT;
    VkPhysicalDeviceMemoryProperties2 memory{};
    memory.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2;
    if (with_budget) memory.pNext = &budget;
    vkGetPhysicalDeviceMemoryProperties2(physical, &memory);
    const VkPhysicalDeviceMemoryProperties& in = memory.memoryProperties;
    for (std::uint32_t i = 0; i < in.memoryHeapCount; ++i) {
        Heap heap;
        heap.bytes = in.memoryHeaps[i].size;
        heap.device_local = (in.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0;
        // Without the extension nobody tells what others use; leave them a fifth.
        heap.budget_bytes = with_budget ? budget.heapBudget[i] : heap.bytes / 5 * 4;
        heap.usage_bytes = with_budget ? budget.heapUsage[i] : 0;
        out.heaps.push_back(heap);
    }
    for (std::uint32_t i = 0; i < in.memoryTypeCount; ++i) {
        const VkMemoryPropertyFlags flags = in.memoryTypes[i].propertyFlags;
        MemoryType type;
        type.heap = in.memoryTypes[i].heapIndex;
        type.device_local = (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) != 0;
        type.host_visible = (flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0;
        type.host_coherent = (flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
        type.host_cached = (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0;
        constexpr VkMemoryPropertyFlags ordinary =
            VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
            VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        type.special = (flags & ~ordinary) != 0;
        out.memory_types.push_back(type);
    }
}

void read_queue_families(VkPhysicalDevice physical, DeviceSnapshot& out) {
    std::uint32_t count = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, nullptr);
    std::vector<VkQueueFamilyProperties> families(count);
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families.data());
    families.resize(count);
    for (const VkQueueFamilyProperties& in : families) {
        QueueFamily family;
        family.count = in.queueCount;
        family.graphics = (in.queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0;
        family.compute = (in.queueFlags & VK_QUEUE_COMPUTE_BIT) != 0;
        family.transfer = (in.queueFlags & VK_QUEUE_TRANSFER_BIT) != 0 || family.graphics || family.compute;
        family.timestamp_valid_bits = in.timestampValidBits;
        out.queue_families.push_back(family);
    }
}

Result<void> read_matrix_shapes(VkPhysicalDevice physical, DeviceSnapshot& out) {
    if (vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR == nullptr) {
        out.features.set(Feature::cooperative_matrix, false);  // a loader older than the driver's extension
        return {};
    }
    std::uint32_t count = 0;
    VkResult result = vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &count, nullptr);
    if (result != VK_SUCCESS) return fail_vk(result, "listing cooperative matrix shapes of {}", out.name);
    VkCooperativeMatrixPropertiesKHR empty{};
    empty.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    std::vector<VkCooperativeMatrixPropertiesKHR> shapes(count, empty);
    result = vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &count, shapes.data());
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
        return fail_vk(result, "listing cooperative matrix shapes of {}", out.name);
    }
    shapes.resize(count);
    for (const VkCooperativeMatrixPropertiesKHR& in : shapes) {
        out.matrix_shapes.push_back({in.MSize, in.NSize, in.KSize, component_name(in.AType),
                                     component_name(in.BType), component_name(in.CType),
                                     component_name(in.ResultType), scope_name(in.scope),
                                     in.saturatingAccumulation == VK_TRUE});
    }
    return {};
}

void read_features(VkPhysicalDevice physical, const std::vector<std::string>& extensions, FeatureSet& out) {
    FeatureChain chain;
    chain.link(extensions);
    vkGetPhysicalDeviceFeatures2(physical, &chain.core);
    for (const FeatureSource& source : feature_sources()) {
        const bool extension = source.extension == nullptr || listed(extensions, source.extension);
        out.set(source.feature,
                extension && std::ranges::all_of(source.bits, [&chain](FeatureSource::Bit bit) {
                    return bit(chain) == VK_TRUE;
                }));
    }
}

}  // namespace

Result<std::vector<std::string>> device_extensions(VkPhysicalDevice physical) {
    for (;;) {
        std::uint32_t count = 0;
        VkResult result = vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, nullptr);
        if (result != VK_SUCCESS) return fail_vk(result, "listing device extensions");
        std::vector<VkExtensionProperties> list(count);
        result = vkEnumerateDeviceExtensionProperties(physical, nullptr, &count, list.data());
        if (result == VK_INCOMPLETE) continue;  // the list grew between the two calls
        if (result != VK_SUCCESS) return fail_vk(result, "listing device extensions");
        list.resize(count);
        std::vector<std::string> names;
        for (const VkExtensionProperties& extension : list) names.emplace_back(extension.extensionName);
        return names;
    }
}

Result<DeviceSnapshot> probe(VkPhysicalDevice physical) {
    DeviceSnapshot out;
    VkPhysicalDeviceProperties basic{};
    vkGetPhysicalDeviceProperties(physical, &basic);
    read_identity(basic, out);
    if (basic.apiVersion < VK_API_VERSION_1_3) return out;  // not to be asked about 1.3; why_unusable says so

    TUFF_TRY(extensions, device_extensions(physical));
    VkPhysicalDeviceProperties2 properties{};
    properties.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
    VkPhysicalDeviceVulkan11Properties v11{};
    v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES;
    VkPhysicalDeviceVulkan12Properties v12{};
    v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES;
    VkPhysicalDeviceVulkan13Properties v13{};
    v13.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES;
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT import{};
    import.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT;
    properties.pNext = &v11;
    v11.pNext = &v12;
    v12.pNext = &v13;
    if (listed(extensions, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) v13.pNext = &import;
    vkGetPhysicalDeviceProperties2(physical, &properties);

    out.driver_name = v12.driverName;
    out.driver_info = v12.driverInfo;
    std::copy_n(v11.deviceUUID, 16, out.device_uuid.begin());
    std::copy_n(v11.driverUUID, 16, out.driver_uuid.begin());

    read_limits(properties.properties.limits, out.limits);
    out.limits.max_buffer_bytes = v13.maxBufferSize;
    out.limits.max_allocation_bytes = v11.maxMemoryAllocationSize;
    out.limits.min_imported_host_pointer_alignment = import.minImportedHostPointerAlignment;

    read_features(physical, extensions, out.features);
    const bool compute = (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
    const auto operation = [&](Feature feature, VkSubgroupFeatureFlags flag) {
        out.features.set(feature, compute && (v11.subgroupSupportedOperations & flag) != 0);
    };
    operation(Feature::subgroup_vote, VK_SUBGROUP_FEATURE_VOTE_BIT);
    operation(Feature::subgroup_arithmetic, VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    operation(Feature::subgroup_ballot, VK_SUBGROUP_FEATURE_BALLOT_BIT);
    operation(Feature::subgroup_shuffle, VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
    operation(Feature::subgroup_shuffle_relative, VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT);
    operation(Feature::subgroup_clustered, VK_SUBGROUP_FEATURE_CLUSTERED_BIT);
    operation(Feature::subgroup_quad, VK_SUBGROUP_FEATURE_QUAD_BIT);
    if ((v13.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) == 0) {
        out.features.set(Feature::subgroup_size_control, false);
    }
    out.subgroup = {v11.subgroupSize, v13.minSubgroupSize, v13.maxSubgroupSize,
                    v13.maxComputeWorkgroupSubgroups};

    out.features.set(Feature::denorm_preserve_f16, v12.shaderDenormPreserveFloat16 == VK_TRUE);
    out.features.set(Feature::denorm_preserve_f32, v12.shaderDenormPreserveFloat32 == VK_TRUE);
    out.features.set(Feature::inf_nan_preserve_f32, v12.shaderSignedZeroInfNanPreserveFloat32 == VK_TRUE);
    out.features.set(Feature::round_to_even_f16, v12.shaderRoundingModeRTEFloat16 == VK_TRUE);
    out.features.set(Feature::round_to_even_f32, v12.shaderRoundingModeRTEFloat32 == VK_TRUE);
    out.features.set(
        Feature::integer_dot_accelerated,
        out.has(Feature::integer_dot) && v13.integerDotProduct4x8BitPackedSignedAccelerated == VK_TRUE);

    apply_quirks(v12.driverID, out);

    read_heaps(physical, out.has(Feature::memory_budget), out);
    read_queue_families(physical, out);
    if (out.has(Feature::cooperative_matrix)) TUFF_CHECK(read_matrix_shapes(physical, out));
    drop_dependents(out.features);
    return out;
}

}  // namespace tuff::host
