#include "host/placement.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "host/bytes.hpp"
#include "host/memory.hpp"

namespace tuff::host {
namespace {

enum class Want { yes, no, any };

struct Wish {
    std::string_view name;
    Want device_local;
    Want host_visible;
    Want host_cached;
    bool slow;
};

constexpr auto Y = Want::yes;
constexpr auto N = Want::no;
constexpr auto A = Want::any;

// Host and device share one memory. Among types of equal properties the driver's order counts: it lists the
// faster first, and on integrated devices whether cached memory is the faster one differs from vendor to
// vendor.
constexpr std::array kUnifiedWork = {
    Wish{"device memory the host can write", Y, Y, A, false},
    Wish{"device memory", Y, N, A, false},
    Wish{"shared memory", N, Y, A, false},
};
// Uploads in place save staging; the price, one mapping of the window, is paid once.
constexpr std::array kDiscreteWeights = {
    Wish{"device memory the host can write", Y, Y, A, false},
    Wish{"device memory", Y, N, A, false},
    Wish{"host memory, read over the bus", N, Y, A, true},
};
// Never touched by the host, so memory outside the window comes first: systems move pages out of the window.
constexpr std::array kDiscreteWork = {
    Wish{"device memory", Y, N, A, false},
    Wish{"device memory the host can write", Y, Y, A, false},
    Wish{"host memory, read over the bus", N, Y, A, true},
};
constexpr std::array kUnifiedUpload = {
    Wish{"shared memory", A, Y, A, false},
};
constexpr std::array kDiscreteUpload = {
    Wish{"write-combined host memory", N, Y, N, false},
    Wish{"cached host memory", N, Y, Y, false},
    Wish{"device memory the host can write", Y, Y, A, false},
};
constexpr std::array kReadback = {
    Wish{"cached host memory", N, Y, Y, false},
    Wish{"cached device memory", Y, Y, Y, false},
    Wish{"uncached host memory", N, Y, N, true},
    Wish{"device memory the host can read", Y, Y, N, true},
};

bool fits(Want want, bool property) {
    return want == Want::any || (want == Want::yes) == property;
}

std::span<const Wish> wishes(const DeviceSnapshot& device, Intent intent) {
    const bool shared = unified(device);
    switch (intent) {
        case Intent::weights:
            return shared ? std::span<const Wish>(kUnifiedWork) : kDiscreteWeights;
        case Intent::cache:
        case Intent::scratch:
            return shared ? std::span<const Wish>(kUnifiedWork) : kDiscreteWork;
        case Intent::upload:
            return shared ? std::span<const Wish>(kUnifiedUpload) : kDiscreteUpload;
        case Intent::readback:
            return kReadback;
    }
    return {};
}

// Half of the largest device-local heap: a resizable BAR covers all of it, a classic one 256 MiB.
std::uint64_t smallest_real_heap(const DeviceSnapshot& device) {
    std::uint64_t largest = 0;
    for (const Heap& heap : device.heaps) {
        if (heap.device_local) largest = std::max(largest, heap.bytes);
    }
    return largest / 2;
}

}  // namespace

std::string_view intent_name(Intent intent) {
    switch (intent) {
        case Intent::weights:
            return "weights";
        case Intent::cache:
            return "cache";
        case Intent::scratch:
            return "scratch";
        case Intent::upload:
            return "upload";
        case Intent::readback:
            return "readback";
    }
    return "unknown";
}

MemoryKind memory_kind(const DeviceSnapshot& device) {
    if (unified(device)) return software(device) ? MemoryKind::software : MemoryKind::unified;
    bool window = false;
    const std::uint64_t real_heap = smallest_real_heap(device);
    for (const MemoryType& type : device.memory_types) {
        if (type.special || type.heap >= device.heaps.size() || !type.device_local || !type.host_visible)
            continue;
        if (device.heaps[type.heap].bytes >= real_heap) return MemoryKind::host_visible;
        window = true;
    }
    return window ? MemoryKind::window : MemoryKind::hidden;
}

std::string_view memory_kind_name(MemoryKind kind) {
    switch (kind) {
        case MemoryKind::unified:
            return "unified";
        case MemoryKind::software:
            return "unified, the host's own";
        case MemoryKind::host_visible:
            return "discrete, host-visible";
        case MemoryKind::window:
            return "discrete, seen through a small window";
        case MemoryKind::hidden:
            return "discrete, not seen by the host";
    }
    return "unknown";
}

std::string memory_type_text(const MemoryType& type) {
    std::string text;
    const auto add = [&](bool present, std::string_view name) {
        if (!present) return;
        if (!text.empty()) text += ' ';
        text += name;
    };
    add(type.device_local, "device-local");
    add(type.host_visible, "host-visible");
    add(type.host_coherent, "host-coherent");
    add(type.host_cached, "host-cached");
    return text.empty() ? "without properties" : text;
}

std::uint64_t working_budget(const DeviceSnapshot& device, std::uint64_t margin) {
    std::vector<bool> counted(device.heaps.size(), false);
    std::uint64_t left = 0;
    for (const Candidate& candidate : placement(device, Intent::weights)) {
        const std::uint32_t index = device.memory_types[candidate.type].heap;
        if (candidate.slow || counted[index]) continue;
        counted[index] = true;
        const Heap& heap = device.heaps[index];
        left = plus_saturating(left,
                               minus_saturating(std::min(heap.budget_bytes, heap.bytes), heap.usage_bytes));
    }
    return minus_saturating(left, margin);
}

std::vector<Candidate> placement(const DeviceSnapshot& device, Intent intent) {
    const bool staging = intent == Intent::upload || intent == Intent::readback;
    const bool avoid_windows = !staging && !unified(device);
    const std::uint64_t real_heap = smallest_real_heap(device);

    std::vector<Candidate> candidates;
    for (const Wish& wish : wishes(device, intent)) {
        for (std::uint32_t i = 0; i < device.memory_types.size(); ++i) {
            const MemoryType& type = device.memory_types[i];
            if (type.special || type.heap >= device.heaps.size()) continue;
            if (!fits(wish.device_local, type.device_local) || !fits(wish.host_visible, type.host_visible) ||
                !fits(wish.host_cached, type.host_cached)) {
                continue;
            }
            const Heap& heap = device.heaps[type.heap];
            if (avoid_windows && type.device_local && heap.bytes < real_heap) continue;
            const bool taken = std::ranges::any_of(
                candidates, [i](const Candidate& candidate) { return candidate.type == i; });
            if (!taken) candidates.push_back({i, wish.name, wish.slow});
        }
    }
    return candidates;
}

std::uint64_t largest_buffer_bytes(const DeviceSnapshot& device) {
    std::uint64_t most = std::uint64_t{1} << 30;
    for (const std::uint64_t limit : {device.limits.max_buffer_bytes, device.limits.max_allocation_bytes})
        if (limit > 0) most = std::min(most, limit);
    return std::max<std::uint64_t>(minus_saturating(most, kTailBytes), 1);
}

std::uint64_t staging_slot_bytes(const DeviceSnapshot& device) {
    constexpr std::uint64_t most = std::uint64_t{16} << 20;
    constexpr std::uint64_t least = std::uint64_t{64} << 10;
    const std::vector<Candidate> candidates = placement(device, Intent::upload);
    if (candidates.empty()) return least;
    // Two slots for each direction take at most a sixteenth of the heap.
    const std::uint64_t budget = device.heaps[device.memory_types[candidates.front().type].heap].budget_bytes;
    return std::clamp(budget / 64 / least * least, least, most);
}

}  // namespace tuff::host
