// Devices written by hand, with the heaps and memory types drivers really report.
#pragma once

#include <string>

#include "host/snapshot.hpp"

namespace tuff::host::test {

inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

inline Heap heap(std::uint64_t bytes, bool device_local) {
    return {bytes, device_local, bytes / 10 * 9, 0};
}

inline constexpr MemoryType kDeviceOnly(std::uint32_t heap) {
    return {heap, true, false, false, false, false};
}
inline constexpr MemoryType kDeviceVisible(std::uint32_t heap) {
    return {heap, true, true, true, false, false};
}
inline constexpr MemoryType kDeviceCached(std::uint32_t heap) {
    return {heap, true, true, true, true, false};
}
inline constexpr MemoryType kHostVisible(std::uint32_t heap) {
    return {heap, false, true, true, false, false};
}
inline constexpr MemoryType kHostCached(std::uint32_t heap) {
    return {heap, false, true, true, true, false};
}

// A device on the floor and nothing above it, without memory.
inline DeviceSnapshot bare(std::string name, DeviceType type) {
    DeviceSnapshot device;
    device.name = std::move(name);
    device.type = type;
    device.driver_name = "driver of " + device.name;
    device.api_version = 1U << 22 | 3U << 12 | 275U;
    device.limits.max_workgroup_size = {1024, 1024, 64};
    device.limits.max_workgroup_invocations = 1024;
    device.limits.max_workgroup_count = {65535, 65535, 65535};
    device.limits.shared_memory_bytes = 32768;
    device.limits.push_constant_bytes = 128;
    device.limits.max_buffer_bytes = 4 * kGiB;
    device.limits.max_allocation_bytes = 4 * kGiB;
    device.limits.max_allocation_count = 4096;
    device.limits.non_coherent_atom_bytes = 64;
    device.limits.timestamp_period_ns = 1.0;
    device.subgroup = {32, 32, 32, 32};
    device.features = {Feature::buffer_device_address, Feature::timeline_semaphore, Feature::synchronization2,
                       Feature::maintenance4, Feature::scalar_block_layout};
    device.queue_families = {{1, true, true, true, 64}};
    return device;
}

// A card whose whole memory the host can map.
inline DeviceSnapshot discrete_resizable_bar() {
    DeviceSnapshot device = bare("Discrete ReBAR", DeviceType::discrete);
    device.heaps = {heap(16 * kGiB, true), heap(32 * kGiB, false)};
    device.memory_types = {kDeviceOnly(0), kHostVisible(1), kDeviceVisible(0), kHostCached(1)};
    return device;
}

// A card with the classic 256 MiB window.
inline DeviceSnapshot discrete_small_bar() {
    DeviceSnapshot device = bare("Discrete Small BAR", DeviceType::discrete);
    device.heaps = {heap(8 * kGiB, true), heap(32 * kGiB, false), heap(256 * kMiB, true)};
    device.memory_types = {kDeviceOnly(0), kHostVisible(1), kHostCached(1), kDeviceVisible(2)};
    return device;
}

// A card the host cannot map at all.
inline DeviceSnapshot discrete_no_bar() {
    DeviceSnapshot device = bare("Discrete", DeviceType::discrete);
    device.heaps = {heap(8 * kGiB, true), heap(32 * kGiB, false)};
    device.memory_types = {kDeviceOnly(0), kHostVisible(1), kHostCached(1)};
    return device;
}

// A processor's graphics with a carve-out, reported as if it were memory of its own.
inline DeviceSnapshot integrated_split_heaps() {
    DeviceSnapshot device = bare("Integrated Split", DeviceType::integrated);
    device.heaps = {heap(12 * kGiB, false), heap(512 * kMiB, true)};
    device.memory_types = {kDeviceOnly(1), kHostVisible(0), kDeviceVisible(1), kHostCached(0)};
    return device;
}

// Small boards: one heap, nothing cached.
inline DeviceSnapshot integrated_uncached() {
    DeviceSnapshot device = bare("Integrated Uncached", DeviceType::integrated);
    device.heaps = {heap(4 * kGiB, true)};
    device.memory_types = {kDeviceVisible(0)};
    return device;
}

inline DeviceSnapshot lavapipe() {
    DeviceSnapshot device = bare("llvmpipe", DeviceType::cpu);
    device.heaps = {heap(16 * kGiB, true)};
    device.memory_types = {kDeviceCached(0)};
    device.subgroup = {8, 8, 8, 32};
    for (const Feature feature :
         {Feature::storage8, Feature::storage16, Feature::int8, Feature::int16, Feature::int64,
          Feature::float16, Feature::integer_dot, Feature::subgroup_size_control, Feature::subgroup_full,
          Feature::vulkan_memory_model}) {
        device.features.set(feature, true);
    }
    return device;
}

// A software device of the kind that the lanes kernels are for.
inline DeviceSnapshot lane_device() {
    DeviceSnapshot device = bare("lanes", DeviceType::cpu);
    device.subgroup = {8, 8, 8, 128};
    for (const Feature feature :
         {Feature::storage8, Feature::storage16, Feature::int8, Feature::float16,
          Feature::subgroup_arithmetic, Feature::subgroup_shuffle, Feature::uniform_loads})
        device.features.set(feature, true);
    return device;
}

// A card that can run the wide kernels.
inline DeviceSnapshot wide_device() {
    DeviceSnapshot device = discrete_resizable_bar();
    device.features.set(Feature::subgroup_arithmetic, true);
    return device;
}

}  // namespace tuff::host::test
