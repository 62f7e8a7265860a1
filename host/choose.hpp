// Which device to use.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/snapshot.hpp"

namespace tuff::host {

struct Choice {
    std::size_t index = 0;
    std::string
        why;  // "the only usable device", "the best of 3: discrete, 8.0 GiB", "asked for by name 'radeon'"
    struct PassedOver {
        std::size_t index = 0;
        std::string why;  // "no storage...; needs ...", "integrated; a discrete device is preferred"
    };
    std::vector<PassedOver> passed_over;  // every other device
};

// `request`: empty for the best usable device (discrete before integrated before virtual before software,
// then the one with more memory, then the first); or an index; or a part of a name in either case. usage: no
// such device, or several, with the list. unsupported: the device asked for cannot be used, and why.
// no_device: none can be used.
Result<Choice> choose_device(std::span<const DeviceSnapshot> devices, std::string_view request);

}  // namespace tuff::host
