#include "backend/plan/assumed_device.hpp"

namespace tuff {

host::DeviceSnapshot assumed_gpu(std::uint64_t bytes) {
    host::DeviceSnapshot device;
    device.name = "an assumed GPU";
    device.type = host::DeviceType::discrete;
    device.api_version = 1U << 22 | 3U << 12;
    device.limits.max_workgroup_size = {1024, 1024, 64};
    device.limits.max_workgroup_invocations = 1024;
    device.limits.max_workgroup_count = {65535, 65535, 65535};
    device.limits.shared_memory_bytes = 32768;
    device.limits.push_constant_bytes = 128;
    device.limits.max_buffer_bytes = device.limits.max_allocation_bytes = std::uint64_t{4} << 30;
    device.limits.max_allocation_count = 4096;
    device.subgroup = {32, 32, 32, 32};
    for (const host::Feature feature :
         {host::Feature::storage8, host::Feature::storage16, host::Feature::int8, host::Feature::int16,
          host::Feature::float16, host::Feature::subgroup_arithmetic})
        device.features.set(feature, true);
    device.heaps = {{bytes, true, bytes, 0}, {bytes, false, bytes, 0}};
    device.memory_types = {{0, true, false, false, false, false}, {1, false, true, true, true, false}};
    return device;
}

}  // namespace tuff
