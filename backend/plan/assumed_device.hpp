// A device for plans made where there is none.
#pragma once

#include <cstdint>

#include "host/snapshot.hpp"

namespace tuff {

// A card of so many bytes, for kernels of the wide kind, with limits that common drivers have.
[[nodiscard]] host::DeviceSnapshot assumed_gpu(std::uint64_t bytes);

}  // namespace tuff
