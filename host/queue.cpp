#include "host/queue.hpp"

namespace tuff::host {

std::string_view queue_name(Queue queue) {
    return queue == Queue::compute ? "compute" : "transfer";
}

std::optional<QueuePlace> transfer_queue(const DeviceSnapshot& device) {
    const std::optional<std::uint32_t> compute = compute_family(device);
    if (!compute) return std::nullopt;
    const auto first = [&](auto&& suits) -> std::optional<QueuePlace> {
        for (std::uint32_t i = 0; i < device.queue_families.size(); ++i)
            if (i != *compute && device.queue_families[i].count > 0 && suits(device.queue_families[i]))
                return QueuePlace{i, 0};
        return std::nullopt;
    };
    if (const auto engine = first(
            [](const QueueFamily& family) { return family.transfer && !family.compute && !family.graphics; }))
        return engine;
    if (device.queue_families[*compute].count > 1) return QueuePlace{*compute, 1};
    return first([](const QueueFamily& family) { return family.compute; });
}

}  // namespace tuff::host
