// Queues, and points in their work.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "host/snapshot.hpp"

namespace tuff::host {

// Where commands run. Copies on the transfer queue go on beside kernels on the compute queue, where the
// device has a queue for them; elsewhere both names mean the compute queue.
enum class Queue : std::uint8_t { compute, transfer };
inline constexpr std::size_t kQueueCount = 2;

[[nodiscard]] std::string_view queue_name(Queue queue);

// The end of a submission. The default one lies before everything.
struct Moment {
    Queue queue = Queue::compute;
    std::uint64_t value = 0;  // of the queue's timeline semaphore
    friend bool operator==(const Moment&, const Moment&) = default;
};

// Which queue of which family.
struct QueuePlace {
    std::uint32_t family = 0, index = 0;
    friend bool operator==(const QueuePlace&, const QueuePlace&) = default;
};

// The queue for copies, or nothing where the device has no second one: a family that does nothing but
// transfers comes first (copy engines), then a second queue of the compute queue's family, then any other
// that can compute.
[[nodiscard]] std::optional<QueuePlace> transfer_queue(const DeviceSnapshot& device);

}  // namespace tuff::host
