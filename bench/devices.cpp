#include "bench/devices.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "backend/matmul_plan.hpp"
#include "backend/text_output.hpp"
#include "host/bytes.hpp"
#include "host/caps.hpp"
#include "host/placement.hpp"
#include "host/snapshot_json.hpp"

namespace tuff::bench {
namespace {

using Json = nlohmann::ordered_json;

// A line "  name      value", the value broken at spaces and continued below itself.
std::string field(std::string_view name, std::string_view value) {
    constexpr std::size_t kWidth = 96;
    std::string text;
    std::string_view head = name;
    while (!value.empty()) {
        std::size_t end = value.size();
        if (end > kWidth) end = std::min(value.rfind(' ', kWidth), value.size());
        text += fmt::format("   {:<10} {}\n", head, value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
        head = "";
    }
    return text;
}

std::string heap_text(const host::DeviceSnapshot& device, std::size_t index) {
    const host::Heap& heap = device.heaps[index];
    bool visible = false;
    for (const host::MemoryType& type : device.memory_types)
        visible = visible || (type.heap == index && type.host_visible);
    std::string text =
        fmt::format("heap {}: {}{}{}", index, host::bytes_text(heap.bytes),
                    heap.device_local ? ", device-local" : "", visible ? ", host-visible" : "");
    if (heap.budget_bytes > 0)
        text += fmt::format(", budget {} of which {} in use", host::bytes_text(heap.budget_bytes),
                            host::bytes_text(heap.usage_bytes));
    return text;
}

// Where memory for each use comes from first, uses of the same place together: "weights, cache: device memory
// the host can write (type 2: device-local host-visible)".
std::vector<std::string> places_text(const host::DeviceSnapshot& device) {
    std::vector<std::string> names, places;
    for (const host::Intent intent : {host::Intent::weights, host::Intent::cache, host::Intent::scratch,
                                      host::Intent::upload, host::Intent::readback}) {
        const auto candidates = host::placement(device, intent);
        std::string place = "nowhere";
        if (!candidates.empty()) {
            const host::Candidate& best = candidates.front();
            const host::MemoryType& type = device.memory_types[best.type];
            place = fmt::format("{}{}, heap {} (type {}: {})", best.wish, best.slow ? ", slow" : "",
                                type.heap, best.type, host::memory_type_text(type));
        }
        if (!places.empty() && places.back() == place) {
            names.back() += fmt::format(", {}", host::intent_name(intent));
            continue;
        }
        names.emplace_back(host::intent_name(intent));
        places.push_back(place);
    }
    for (std::size_t i = 0; i < places.size(); i++) places[i] = fmt::format("{}: {}", names[i], places[i]);
    return places;
}

std::string features_text(const host::DeviceSnapshot& device, bool present) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < host::kFeatureCount; i++)
        if (const auto feature = static_cast<host::Feature>(i); device.has(feature) == present)
            names.push_back(feature_name(feature));
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, " "));
}

std::string device_text(const host::DeviceSnapshot& device, std::size_t index, bool chosen) {
    const auto reasons = host::why_unusable(device);
    std::string text = fmt::format("{}: {}\n", index, device.name);
    text += field("type", fmt::format("{}, memory {}", kind_text(device),
                                      host::memory_kind_name(host::memory_kind(device))));
    text += field("driver", fmt::format("{} {}, Vulkan {}", device.driver_name, device.driver_info,
                                        host::version_text(device.api_version)));
    for (std::size_t i = 0; i < device.heaps.size(); i++)
        text += field(i == 0 ? "memory" : "", heap_text(device, i));
    const std::vector<std::string> places = places_text(device);
    for (std::size_t i = 0; i < places.size(); i++) text += field(i == 0 ? "places" : "", places[i]);
    text += field("subgroups", device.subgroup.min_size == device.subgroup.max_size
                                   ? fmt::format("{}", device.subgroup.size)
                                   : fmt::format("{} ({} to {})", device.subgroup.size,
                                                 device.subgroup.min_size, device.subgroup.max_size));
    text += field("features", features_text(device, true));
    text += field("without", features_text(device, false));
    if (reasons.empty()) {
        text +=
            field("kernels", fmt::format("of the {} kind", prefers_lanes(device) ? "lanes (software vectors)"
                                                                                 : "wide (subgroups)"));
        text += field("usable", chosen ? "yes; used when no other is asked for" : "yes");
    } else {
        text += field("usable", fmt::format("no: {}", fmt::join(reasons, ", ")));
    }
    return text;
}

}  // namespace

std::string devices_text(std::span<const host::DeviceSnapshot> devices, std::optional<std::size_t> chosen) {
    std::string text;
    for (std::size_t i = 0; i < devices.size(); i++) text += device_text(devices[i], i, chosen == i) + "\n";
    if (std::ranges::all_of(devices, host::software)) {
        text += devices.size() == 1 ? "The only device is a software one.\n"
                                    : "There are only software devices.\n";
        text += software_note(devices[chosen.value_or(0)]) + "\n";
    } else if (!chosen) {
        text += "No device can be used.\n";
    }
    return text;
}

std::string devices_json(std::span<const host::DeviceSnapshot> devices, std::optional<std::size_t> chosen) {
    Json list = Json::array();
    for (std::size_t i = 0; i < devices.size(); i++) {
        const auto reasons = host::why_unusable(devices[i]);
        Json one = {{"index", i},
                    {"name", devices[i].name},
                    {"type", host::device_type_name(devices[i].type)},
                    {"usable", reasons.empty()},
                    {"why_unusable", reasons},
                    {"chosen", chosen == i},
                    {"software", host::software(devices[i])},
                    {"unified_memory", host::unified(devices[i])},
                    {"memory", host::memory_kind_name(host::memory_kind(devices[i]))},
                    {"places", places_text(devices[i])}};
        one["snapshot"] = Json::parse(host::snapshot_to_json(devices[i]));
        list.push_back(std::move(one));
    }
    const Json root = {{"tuff", TUFF_VERSION}, {"devices", std::move(list)}};
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<int> run_devices(const DevicesOptions& options) {
    host::InstanceOptions instance_options;
    instance_options.validation = options.session.validation;
    TUFF_TRY(instance, host::Instance::open(instance_options));
    std::vector<host::DeviceSnapshot> devices(instance.snapshots().begin(), instance.snapshots().end());
    const auto choice = host::choose_device(devices, options.session.device);
    if (!choice && choice.error().code == ErrorCode::usage)
        return fail(ErrorCode::usage, "{}", choice.error().message);
    std::optional<std::size_t> chosen;
    if (choice) chosen = choice->index;
    if (!options.session.caps.empty() && chosen) {
        TUFF_TRY(lowered, host::lower_from_file(devices[*chosen], options.session.caps));
        devices[*chosen] = std::move(lowered);
    }
    if (!options.json.empty()) TUFF_CHECK(write_text(options.json, devices_json(devices, chosen)));
    if (options.json != "-") TUFF_CHECK(write_text("-", devices_text(devices, chosen)));
    return chosen ? 0 : 1;
}

}  // namespace tuff::bench
