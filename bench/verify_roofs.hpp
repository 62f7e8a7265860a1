// Verifies what is not a product: copies, and the kernels that measure roofs.
#pragma once

#include <vector>

#include "bench/verify_group.hpp"

namespace tuff::bench {

// Copies of many sizes at many offsets, and every kernel that reads a buffer (its sum against the one
// computed here).
[[nodiscard]] std::vector<VerifyGroup> copy_groups(const VerifyRequest& request,
                                                   const host::DeviceSnapshot& device);

// The multiply-add kernels against double precision.
[[nodiscard]] std::vector<VerifyGroup> fma_groups(const VerifyRequest& request,
                                                  const host::DeviceSnapshot& device);

}  // namespace tuff::bench
