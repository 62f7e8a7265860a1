// Where memory for each use belongs on a device: decided from its heaps and memory types alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "host/snapshot.hpp"

namespace tuff::host {

enum class Intent {
    weights,   // written once, read by every run; the largest part
    cache,     // read and written by kernels, lives long
    scratch,   // read and written by kernels within one run; the hottest
    upload,    // written by the host in order, read once by the device
    readback,  // written by the device, read by the host
};

std::string_view intent_name(Intent intent);

// What a device's heaps make of it, whatever it calls itself.
enum class MemoryKind {
    unified,       // one memory for host and device
    software,      // the host's own: there is no device
    host_visible,  // a memory of its own that the host can write, all of it
    window,        // one of which the host sees a small part
    hidden,        // one the host does not see
};
MemoryKind memory_kind(const DeviceSnapshot& device);
std::string_view memory_kind_name(MemoryKind kind);  // "unified", "discrete, seen through a small window"

struct Candidate {
    std::uint32_t type = 0;  // index into DeviceSnapshot::memory_types
    std::string_view wish;   // what it fulfils, in words: "device memory the host can write"
    bool slow = false;       // worse than what the intent hopes for; taking it deserves a warning
    bool operator==(const Candidate&) const = default;
};

// The memory types worth trying, best first; every type appears once. Empty: the device has none for this
// intent. A device-local heap much smaller than the largest one (the 256 MiB window of a card without
// resizable BAR) is never offered for weights, cache or scratch.
std::vector<Candidate> placement(const DeviceSnapshot& device, Intent intent);

// Bytes that weights, cache and scratch together may still take: of the heaps where they are not slow, what
// is left of their budgets, less `margin` for whatever else goes on.
std::uint64_t working_budget(const DeviceSnapshot& device, std::uint64_t margin);

// "device-local host-visible host-cached", in the order of the flags.
std::string memory_type_text(const MemoryType& type);

// The most bytes to ask for in one buffer: what the device's limits allow besides kTailBytes, and at most 1
// GiB, because systems put larger allocations of device memory elsewhere when it is fragmented.
std::uint64_t largest_buffer_bytes(const DeviceSnapshot& device);

// Size of one staging slot: 16 MiB, less where the heap for uploads is small.
std::uint64_t staging_slot_bytes(const DeviceSnapshot& device);

}  // namespace tuff::host
