// The one table of kernels, as the program sees it. The build generates its rows from shaders/kernels.cmake.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tuff::shaders {

struct Kernel {
    std::string_view name;       // unique, "<algorithm>.<format>" or "<algorithm>": "matvec_lanes.q4_k"
    std::string_view algorithm;  // what selects it: "matvec_lanes"
    std::string_view format;     // the weights' format ("q4_k"), or empty
    std::string_view source;     // file below shaders/: "matvec_lanes.comp"
    std::span<const std::string_view> defines;  // as given to the compiler: "FORMAT_FILE=..." without -D
    std::span<const std::string_view> needs;    // names of host::Feature values beyond the Vulkan 1.3 floor
    std::uint32_t subgroup_size;                // the subgroup size it is written for; 0: any
    std::span<const std::uint32_t> spirv;       // embedded module
};

// Every row, in table order; static storage.
std::span<const Kernel> kernels();

// The row of that name, or nullptr.
const Kernel* find_kernel(std::string_view name);

}  // namespace tuff::shaders
