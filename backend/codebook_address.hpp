// Where a device has the codebook of a format.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>

#include "backend/format.hpp"
#include "host/device.hpp"

namespace tuff {

// The device address that kernels of the layouts `planes` and `blocks` take as `codebook`: uploaded when
// first asked for, valid as long as the device. 0 for formats without a codebook. Errors as
// host::Device::constant.
Result<std::uint64_t> codebook_address(host::Device& device, const Format& format);

}  // namespace tuff
