// The paths that bytes can take between the host and the device.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "bench/session.hpp"

namespace tuff::bench {

// One path with its memory, filled with a pattern at the start.
class TransferPath {
  public:
    virtual ~TransferPath() = default;
    // Moves all bytes once and waits until they are there.
    virtual Result<void> run() = 0;
    // Whether they all are.
    virtual Result<bool> arrived() = 0;
};

struct TransferKind {
    std::string_view direction;  // "to device", "to host", "read by a kernel"
    std::string_view way;        // "memcpy to mapped memory"
    // `unsupported` where the device has no such path.
    Result<std::unique_ptr<TransferPath>> (*make)(Session& session, std::uint64_t bytes);
};

// Static storage.
[[nodiscard]] std::span<const TransferKind> transfer_kinds();
// Of these the one that weights are uploaded by where the host does not write device memory.
[[nodiscard]] const TransferKind& staged_upload();

}  // namespace tuff::bench
