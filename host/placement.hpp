// Where memory for each use belongs on a device: decided from its heaps and memory types alone.
#pragma once

#include <cstdint>
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

// Size of one staging slot: 16 MiB, less where the heap for uploads is small.
std::uint64_t staging_slot_bytes(const DeviceSnapshot& device);

}  // namespace tuff::host
