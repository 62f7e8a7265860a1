// `tuff devices`: every Vulkan device of the machine and what Tuff makes of it.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "bench/session.hpp"

namespace tuff::bench {

struct DevicesOptions {
    SessionOptions session;  // `device`: show this one alone; `caps`: as lowered
    std::string json;        // where to; empty: none; "-": standard output, instead of the text
};

// The reports on given snapshots; `chosen`: the one commands use when none is asked for.
[[nodiscard]] std::string devices_text(std::span<const host::DeviceSnapshot> devices,
                                       std::optional<std::size_t> chosen);
[[nodiscard]] std::string devices_json(std::span<const host::DeviceSnapshot> devices,
                                       std::optional<std::size_t> chosen);

// Gives the exit code: 0, or 1 where no device can be used. The errors of host::Instance::open and
// lower_from_file.
Result<int> run_devices(const DevicesOptions& options);

}  // namespace tuff::bench
