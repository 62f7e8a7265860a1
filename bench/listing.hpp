// `tuff bench --list`: what would be measured, and the table of kernels.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "bench/selection.hpp"
#include "host/snapshot.hpp"

namespace tuff::bench {

// A line per case, with the kernel the plan chooses; `device` nullptr: without.
[[nodiscard]] std::string list_cases(const Selection& selection, const host::DeviceSnapshot* device,
                                     const std::optional<MatmulAlgorithm>& algorithm);

// A line per kernel of the table: what it needs, and whether the device can run it or what it lacks.
[[nodiscard]] std::string list_kernels(const host::DeviceSnapshot* device);

}  // namespace tuff::bench
