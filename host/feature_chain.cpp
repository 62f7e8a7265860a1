#include "host/feature_chain.hpp"

#include <algorithm>

namespace tuff::host {

FeatureChain::FeatureChain() {
    core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    v13.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES;
    matrix.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
    matrix2.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV;
    atomic_float.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT;
    priority.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PRIORITY_FEATURES_EXT;
    executable.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR;
#ifdef VK_KHR_shader_bfloat16
    bfloat16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR;
#endif
}

void FeatureChain::link(std::span<const std::string> extensions) {
    core.pNext = &v11;
    v11.pNext = &v12;
    v12.pNext = &v13;
    void** tail = &v13.pNext;
    const auto add = [&](const char* extension, auto& structure) {
        if (std::ranges::find(extensions, extension) == extensions.end()) return;
        *tail = &structure;
        tail = &structure.pNext;
    };
    add(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, matrix);
    add(VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME, matrix2);
    add(VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME, atomic_float);
    add(VK_EXT_MEMORY_PRIORITY_EXTENSION_NAME, priority);
    add(VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME, executable);
#ifdef VK_KHR_shader_bfloat16
    add(VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME, bfloat16);
#endif
    *tail = nullptr;
}

#define TUFF_BIT(member) [](FeatureChain& chain) -> VkBool32& { return chain.member; }

std::span<const FeatureSource> feature_sources() {
    static const std::vector<FeatureSource> sources = {
        {Feature::buffer_device_address, nullptr, {TUFF_BIT(v12.bufferDeviceAddress)}},
        {Feature::timeline_semaphore, nullptr, {TUFF_BIT(v12.timelineSemaphore)}},
        {Feature::synchronization2, nullptr, {TUFF_BIT(v13.synchronization2)}},
        {Feature::maintenance4, nullptr, {TUFF_BIT(v13.maintenance4)}},
        {Feature::scalar_block_layout, nullptr, {TUFF_BIT(v12.scalarBlockLayout)}},
        {Feature::storage8, nullptr, {TUFF_BIT(v12.storageBuffer8BitAccess)}},
        {Feature::storage16, nullptr, {TUFF_BIT(v11.storageBuffer16BitAccess)}},
        {Feature::int8, nullptr, {TUFF_BIT(v12.shaderInt8)}},
        {Feature::int16, nullptr, {TUFF_BIT(core.features.shaderInt16)}},
        {Feature::int64, nullptr, {TUFF_BIT(core.features.shaderInt64)}},
        {Feature::float16, nullptr, {TUFF_BIT(v12.shaderFloat16)}},
        {Feature::float64, nullptr, {TUFF_BIT(core.features.shaderFloat64)}},
#ifdef VK_KHR_shader_bfloat16
        {Feature::bfloat16, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME, {TUFF_BIT(bfloat16.shaderBFloat16Type)}},
#endif
        {Feature::atomic_float_add,
         VK_EXT_SHADER_ATOMIC_FLOAT_EXTENSION_NAME,
         {TUFF_BIT(atomic_float.shaderBufferFloat32AtomicAdd)}},
        {Feature::integer_dot, nullptr, {TUFF_BIT(v13.shaderIntegerDotProduct)}},
        {Feature::cooperative_matrix,
         VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME,
         {TUFF_BIT(matrix.cooperativeMatrix), TUFF_BIT(v12.vulkanMemoryModel),
          TUFF_BIT(v12.vulkanMemoryModelDeviceScope)}},
        {Feature::cooperative_matrix2,
         VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME,
         {TUFF_BIT(matrix2.cooperativeMatrixFlexibleDimensions),
          TUFF_BIT(matrix2.cooperativeMatrixReductions), TUFF_BIT(matrix2.cooperativeMatrixConversions),
          TUFF_BIT(matrix2.cooperativeMatrixPerElementOperations)}},
        {Feature::cooperative_matrix2_tensors,
         VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME,
         {TUFF_BIT(matrix2.cooperativeMatrixTensorAddressing),
          TUFF_BIT(matrix2.cooperativeMatrixBlockLoads)}},
        {Feature::cooperative_matrix2_workgroup,
         VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME,
         {TUFF_BIT(matrix2.cooperativeMatrixWorkgroupScope)}},
        {Feature::subgroup_extended_types, nullptr, {TUFF_BIT(v12.shaderSubgroupExtendedTypes)}},
        {Feature::subgroup_size_control, nullptr, {TUFF_BIT(v13.subgroupSizeControl)}},
        {Feature::subgroup_full, nullptr, {TUFF_BIT(v13.computeFullSubgroups)}},
        // One without the other would forbid the atomics of every other kernel.
        {Feature::vulkan_memory_model,
         nullptr,
         {TUFF_BIT(v12.vulkanMemoryModel), TUFF_BIT(v12.vulkanMemoryModelDeviceScope)}},
        {Feature::memory_budget, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME, {}},
        {Feature::memory_priority,
         VK_EXT_MEMORY_PRIORITY_EXTENSION_NAME,
         {TUFF_BIT(priority.memoryPriority)}},
        {Feature::external_memory_host, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME, {}},
        {Feature::pipeline_executable_info,
         VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME,
         {TUFF_BIT(executable.pipelineExecutableInfo)}},
    };
    return sources;
}

#undef TUFF_BIT

}  // namespace tuff::host
