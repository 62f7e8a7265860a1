#include "host/snapshot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "host/bytes.hpp"

namespace tuff::host {
namespace {

constexpr std::array<std::string_view, kFeatureCount> kFeatureNames = {
    "buffer_device_address",
    "timeline_semaphore",
    "synchronization2",
    "maintenance4",
    "scalar_block_layout",
    "storage8",
    "storage16",
    "int8",
    "int16",
    "int64",
    "float16",
    "float64",
    "bfloat16",
    "denorm_preserve_f16",
    "denorm_preserve_f32",
    "inf_nan_preserve_f32",
    "round_to_even_f16",
    "round_to_even_f32",
    "atomic_float_add",
    "integer_dot",
    "integer_dot_accelerated",
    "cooperative_matrix",
    "cooperative_matrix2",
    "cooperative_matrix2_tensors",
    "cooperative_matrix2_workgroup",
    "subgroup_vote",
    "subgroup_arithmetic",
    "subgroup_ballot",
    "subgroup_shuffle",
    "subgroup_shuffle_relative",
    "subgroup_clustered",
    "subgroup_quad",
    "subgroup_extended_types",
    "subgroup_size_control",
    "subgroup_full",
    "uniform_loads",
    "vulkan_memory_model",
    "memory_budget",
    "memory_priority",
    "external_memory_host",
    "pipeline_executable_info",
};
static_assert(!kFeatureNames.back().empty(), "a feature has no name");

constexpr std::array<std::string_view, 5> kTypeNames = {"discrete", "integrated", "virtual", "cpu", "other"};

constexpr std::array kFloor = {Feature::buffer_device_address, Feature::timeline_semaphore,
                               Feature::synchronization2, Feature::maintenance4,
                               Feature::scalar_block_layout};

// The first stands on the second; foundations come before what is built on them.
constexpr std::array kStandsOn = {
    std::pair{Feature::integer_dot_accelerated, Feature::integer_dot},
    std::pair{Feature::cooperative_matrix, Feature::vulkan_memory_model},
    std::pair{Feature::cooperative_matrix2, Feature::cooperative_matrix},
    std::pair{Feature::cooperative_matrix2_tensors, Feature::cooperative_matrix},
    std::pair{Feature::cooperative_matrix2_workgroup, Feature::cooperative_matrix},
};

constexpr std::uint32_t major_of(std::uint32_t version) {
    return (version >> 22) & 0x7f;
}
constexpr std::uint32_t minor_of(std::uint32_t version) {
    return (version >> 12) & 0x3ff;
}
constexpr std::uint32_t patch_of(std::uint32_t version) {
    return version & 0xfff;
}

}  // namespace

std::string_view feature_name(Feature feature) {
    const auto index = static_cast<std::size_t>(feature);
    return index < kFeatureCount ? kFeatureNames[index] : "unknown";
}

std::optional<Feature> parse_feature(std::string_view name) {
    const auto at = std::ranges::find(kFeatureNames, name);
    if (at == kFeatureNames.end()) return std::nullopt;
    return static_cast<Feature>(at - kFeatureNames.begin());
}

void drop_dependents(FeatureSet& features) {
    for (const auto& [feature, base] : kStandsOn) {
        if (!features.has(base)) features.set(feature, false);
    }
}

std::string_view device_type_name(DeviceType type) {
    return kTypeNames[static_cast<std::size_t>(type)];
}

std::optional<DeviceType> parse_device_type(std::string_view name) {
    const auto at = std::ranges::find(kTypeNames, name);
    if (at == kTypeNames.end()) return std::nullopt;
    return static_cast<DeviceType>(at - kTypeNames.begin());
}

std::string version_text(std::uint32_t api_version) {
    return fmt::format("{}.{}.{}", major_of(api_version), minor_of(api_version), patch_of(api_version));
}

std::optional<std::uint32_t> compute_family(const DeviceSnapshot& device) {
    std::optional<std::uint32_t> best;
    int best_score = -1;
    for (std::uint32_t i = 0; i < device.queue_families.size(); ++i) {
        const QueueFamily& family = device.queue_families[i];
        if (!family.compute || family.count == 0) continue;
        const int score = (family.timestamp_valid_bits != 0 ? 2 : 0) + (family.graphics ? 1 : 0);
        if (score > best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

bool unified(const DeviceSnapshot& device) {
    if (device.card_memory_type) return false;
    if (device.type == DeviceType::integrated || device.type == DeviceType::cpu) return true;
    // Virtual and unnamed devices say nothing about their memory in the type; their heaps do.
    bool any_local = false;
    for (std::uint32_t heap = 0; heap < device.heaps.size(); ++heap) {
        if (!device.heaps[heap].device_local) return false;
        any_local = true;
        const bool visible = std::ranges::any_of(device.memory_types, [heap](const MemoryType& type) {
            return type.heap == heap && type.device_local && type.host_visible && !type.special;
        });
        if (!visible) return false;
    }
    return any_local;
}

bool software(const DeviceSnapshot& device) {
    return device.type == DeviceType::cpu;
}

std::uint64_t device_memory_bytes(const DeviceSnapshot& device) {
    const bool all = unified(device);
    std::uint64_t bytes = 0;
    for (const Heap& heap : device.heaps) {
        if (all || heap.device_local) bytes = plus_saturating(bytes, heap.bytes);
    }
    return bytes;
}

double ticks_to_ns(std::uint64_t later, std::uint64_t earlier, std::uint32_t valid_bits, double period_ns) {
    const std::uint64_t mask = valid_bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << valid_bits) - 1;
    return static_cast<double>((later - earlier) & mask) * period_ns;
}

std::vector<std::string> why_unusable(const DeviceSnapshot& device) {
    std::vector<std::string> reasons;
    if (major_of(device.api_version) < 1 ||
        (major_of(device.api_version) == 1 && minor_of(device.api_version) < 3)) {
        reasons.push_back(fmt::format("Vulkan {}; needs 1.3", version_text(device.api_version)));
        return reasons;  // an older device is not asked for its 1.3 features, so their absence says nothing
    }
    for (Feature feature : kFloor) {
        if (!device.has(feature)) reasons.push_back(fmt::format("no {}", feature_name(feature)));
    }
    if (!compute_family(device)) reasons.emplace_back("no compute queue");
    const bool any_visible = std::ranges::any_of(
        device.memory_types, [](const MemoryType& type) { return type.host_visible && !type.special; });
    if (!any_visible) reasons.emplace_back("no host-visible memory");
    return reasons;
}

}  // namespace tuff::host
