// Which kernels a device can run.
#pragma once

#include <fmt/ranges.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "host/pipeline.hpp"
#include "host/snapshot.hpp"

namespace tuff::test {

// What the device lacks for a kernel of the table; empty: it can run it. Throws where the table has no such
// kernel, so that the test that asks fails.
inline std::string lacks(const host::DeviceSnapshot& device, std::string_view kernel) {
    const shaders::Kernel* row = shaders::find_kernel(kernel);
    if (!row) throw std::runtime_error("the kernel table has no row " + std::string(kernel));
    return fmt::format("{}", fmt::join(host::missing_needs(device, *row), ", "));
}

}  // namespace tuff::test
