// The rates that predictions of speed rest on, measured in a moment.
#pragma once

#include <tuff/result.hpp>

#include "backend/plan/speed.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// Fills in the rates that are 0: memory and arithmetic as the roofs of `tuff bench` (bench/roof.hpp), in
// fewer samples; the bus by uploading. out_of_device_memory and device_lost as host::Device::allocate.
Result<DeviceRates> measure_rates(Session& session, DeviceRates given);

}  // namespace tuff::bench
