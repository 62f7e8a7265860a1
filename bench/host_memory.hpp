// What this process takes of the host's memory.
#pragma once

#include <cstdint>

namespace tuff::bench {

// Bytes that are in memory now and cannot be dropped: without pages of mapped files. 0: the system does not
// tell.
[[nodiscard]] std::uint64_t unreclaimable_bytes();

}  // namespace tuff::bench
