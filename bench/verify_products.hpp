// Verifies products of weights and activations: every kernel on every format.
#pragma once

#include <vector>

#include "bench/verify_group.hpp"

namespace tuff::bench {

// A group for each kernel, format and op: matvec, matmul.
[[nodiscard]] std::vector<VerifyGroup> product_groups(const VerifyRequest& request,
                                                      const host::DeviceSnapshot& device);

}  // namespace tuff::bench
