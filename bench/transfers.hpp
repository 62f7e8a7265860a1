// Bytes between the host and the device: every path there is, and how well it hides behind work.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <vector>

#include "bench/case.hpp"
#include "bench/session.hpp"
#include "bench/timing.hpp"
#include "bench/verify_group.hpp"

namespace tuff::bench {

// A row of op transfer for each path, by the host's clock around the whole of it, and what arrived is
// checked. The last row is a copy beside multiply-adds on the other queue; its roof_fraction is the overlap
// efficiency, (copy + compute - both) / the shorter of the two. Ways that the device does not have are
// `unsupported`. device_lost ends it.
Result<std::vector<CaseResult>> measure_transfers(Session& session, std::uint64_t bytes,
                                                  const TimingOptions& options);

// How many bytes to move on this device: enough to take some milliseconds.
[[nodiscard]] std::uint64_t transfer_bytes(const Session& session);

// Every path once, with few bytes.
[[nodiscard]] std::vector<VerifyGroup> transfer_groups(const VerifyRequest& request,
                                                       const host::DeviceSnapshot& device);

}  // namespace tuff::bench
