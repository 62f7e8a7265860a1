#include "host/caps.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "host/simulated_card.hpp"
#include "host/snapshot_fields.hpp"
#include "host/snapshot_json.hpp"

namespace tuff::host {
namespace {

std::unexpected<Error> raised(std::string_view field, std::string_view asked, std::string_view has) {
    return fail(ErrorCode::usage, "'{}' can only be lowered: the device has {}, the caps ask for {}", field,
                has, asked);
}

template <class T>
Result<void> lower_number(const Json& value, const std::string& field, T& inout) {
    T asked{};
    TUFF_CHECK(read_number(value, field, asked));
    if (asked > inout) return raised(field, fmt::format("{}", asked), fmt::format("{}", inout));
    inout = asked;
    return {};
}

template <class T, std::size_t N>
Result<void> lower_number(const Json& value, const std::string& field, std::array<T, N>& inout) {
    std::array<T, N> asked{};
    TUFF_CHECK(read_number(value, field, asked));
    for (std::size_t i = 0; i < N; ++i) {
        TUFF_CHECK(lower_number(value[i], fmt::format("{}[{}]", field, i), inout[i]));
    }
    return {};
}

// With the members of objects by name, because their order means nothing and Json compares it.
Result<Json> parse_sorted(std::string_view text) {
    TUFF_TRY(parsed, parse_json(text));
    return Json(nlohmann::json(parsed));
}

std::unexpected<Error> unknown(const std::string& field) {
    return fail(ErrorCode::usage, "unknown field '{}' in the caps", field);
}

Result<void> check_object(const Json& value, std::string_view field) {
    if (!value.is_object()) return fail(ErrorCode::malformed, "'{}' is not an object", field);
    return {};
}

// A field that describes the device and may only be repeated. `own` is the device's snapshot as JSON.
Result<void> same(const Json& value, const std::string& field, const Json& own) {
    if (value == own) return {};
    return fail(ErrorCode::usage, "'{}' cannot be changed: the device has {}, the caps ask for {}", field,
                own.dump(), value.dump());
}

Result<void> lower_limits(const Json& object, const Json& own, Limits& limits) {
    TUFF_CHECK(check_object(object, "limits"));
    for (const auto& [name, value] : object.items()) {
        const std::string field = "limits." + name;
        bool known = false;
        Result<void> result;
        for_each_limit(limits, [&](std::string_view limit, auto& member, bool lowerable) {
            if (limit != name) return;
            known = true;
            result = lowerable ? lower_number(value, field, member) : same(value, field, own.at(name));
        });
        if (!known) return unknown(field);
        TUFF_CHECK(result);
    }
    return {};
}

Result<void> lower_features(const Json& object, FeatureSet& features) {
    TUFF_CHECK(check_object(object, "features"));
    for (const auto& [name, value] : object.items()) {
        const std::string field = "features." + name;
        const std::optional<Feature> feature = parse_feature(name);
        if (!feature) return unknown(field);
        bool asked = false;
        TUFF_CHECK(read_flag(value, field, asked));
        if (asked && !features.has(*feature)) return raised(field, "true", "false");
        features.set(*feature, asked);
    }
    drop_dependents(features);
    return {};
}

// The range may get narrower from either end; the size may move within it only where it can be required.
Result<void> lower_subgroup(const Json& object, bool size_control, Subgroup& subgroup) {
    TUFF_CHECK(check_object(object, "subgroup"));
    const Subgroup own = subgroup;
    for (const auto& [name, value] : object.items()) {
        const std::string field = "subgroup." + name;
        if (name == "max_size") {
            TUFF_CHECK(lower_number(value, field, subgroup.max_size));
        } else if (name == "max_per_workgroup") {
            TUFF_CHECK(lower_number(value, field, subgroup.max_per_workgroup));
        } else if (name == "min_size") {
            TUFF_CHECK(read_number(value, field, subgroup.min_size));
            if (subgroup.min_size < own.min_size) {
                return fail(ErrorCode::usage,
                            "'{}' can only be raised: the device has {}, the caps ask for {}", field,
                            own.min_size, subgroup.min_size);
            }
        } else if (name == "size") {
            TUFF_CHECK(read_number(value, field, subgroup.size));
        } else {
            return unknown(field);
        }
    }
    const bool power_of_two = (subgroup.size & (subgroup.size - 1)) == 0;
    if (subgroup.size != own.size && !size_control) {
        return fail(ErrorCode::usage,
                    "'subgroup.size' cannot be changed without subgroup_size_control: it is {}", own.size);
    }
    if (subgroup.size < subgroup.min_size || subgroup.size > subgroup.max_size || !power_of_two) {
        return fail(ErrorCode::usage, "'subgroup.size' of {} is not a power of two from {} to {}",
                    subgroup.size, subgroup.min_size, subgroup.max_size);
    }
    return {};
}

Result<void> lower_heaps(const Json& list, const Json& own, std::vector<Heap>& heaps) {
    if (!list.is_array() || list.size() != heaps.size()) {
        return fail(ErrorCode::usage, "'heaps' is not a list of {} entries, one for each heap of the device",
                    heaps.size());
    }
    for (std::size_t i = 0; i < heaps.size(); ++i) {
        const std::string path = fmt::format("heaps[{}]", i);
        TUFF_CHECK(check_object(list[i], path));
        for (const auto& [name, value] : list[i].items()) {
            const std::string field = path + "." + name;
            if (name == "bytes") {
                TUFF_CHECK(lower_number(value, field, heaps[i].bytes));
            } else if (name == "budget_bytes") {
                TUFF_CHECK(lower_number(value, field, heaps[i].budget_bytes));
            } else if (name == "device_local") {
                TUFF_CHECK(same(value, field, own[i].at(name)));
            } else if (name != "usage_bytes") {  // differs from moment to moment, and is no capability
                return unknown(field);
            }
        }
        heaps[i].budget_bytes = std::min(heaps[i].budget_bytes, heaps[i].bytes);
    }
    return {};
}

Result<void> lower_matrix_shapes(const Json& list, const Json& own, DeviceSnapshot& device) {
    if (!list.is_array()) return fail(ErrorCode::malformed, "'matrix_shapes' is not a list");
    std::vector<bool> keep(device.matrix_shapes.size(), false);
    for (std::size_t i = 0; i < list.size(); ++i) {
        const auto at = std::ranges::find(own, list[i]);
        if (at == own.end()) {
            return fail(ErrorCode::usage, "'matrix_shapes[{}]' is not a shape of the device: {}", i,
                        list[i].dump());
        }
        keep[static_cast<std::size_t>(at - own.begin())] = true;
    }
    std::vector<MatrixShape> kept;
    for (std::size_t i = 0; i < keep.size(); ++i) {
        if (keep[i]) kept.push_back(device.matrix_shapes[i]);
    }
    device.matrix_shapes = std::move(kept);
    return {};
}

// {"memory_bytes": N}
Result<DeviceSnapshot> with_card(const DeviceSnapshot& device, const Json& object) {
    TUFF_CHECK(check_object(object, "simulated_card"));
    std::uint64_t bytes = 0;
    for (const auto& [name, value] : object.items()) {
        if (name != "memory_bytes") return unknown("simulated_card." + name);
        TUFF_CHECK(read_number(value, "simulated_card.memory_bytes", bytes));
    }
    return simulate_card(device, bytes);
}

Result<DeviceSnapshot> lower_json(const DeviceSnapshot& device, std::string_view text) {
    TUFF_TRY(caps, parse_sorted(text));
    if (!caps.is_object()) return fail(ErrorCode::malformed, "the caps are not an object");
    TUFF_TRY(own, parse_sorted(snapshot_to_json(device)));
    DeviceSnapshot out = device;
    const Json empty = Json::object();
    for (const auto& [name, value] : caps.items()) {
        if (name == "simulated_card") continue;  // after all others, which are about the real device
        if (!own.contains(name)) return unknown(name);
        if (name == "limits") {
            TUFF_CHECK(lower_limits(value, own.at(name), out.limits));
        } else if (name == "features") {
            TUFF_CHECK(lower_features(value, out.features));
        } else if (name == "heaps") {
            TUFF_CHECK(lower_heaps(value, own.at(name), out.heaps));
        } else if (name == "matrix_shapes") {
            TUFF_CHECK(lower_matrix_shapes(value, own.at(name), out));
        } else if (name != "subgroup") {
            TUFF_CHECK(same(value, name, own.at(name)));
        }
    }
    // After the features, wherever it stands in the file: one of them decides what may change.
    if (caps.contains("subgroup")) {
        TUFF_CHECK(
            lower_subgroup(caps.at("subgroup"), out.has(Feature::subgroup_size_control), out.subgroup));
    }
    if (!out.has(Feature::cooperative_matrix)) out.matrix_shapes.clear();
    if (caps.contains("simulated_card")) return with_card(out, caps.at("simulated_card"));
    return out;
}

}  // namespace

Result<DeviceSnapshot> lower(const DeviceSnapshot& device, std::string_view json) {
    try {
        return lower_json(device, json);
    } catch (const std::exception& error) {
        return fail(ErrorCode::malformed, "the caps: {}", error.what());
    }
}

Result<DeviceSnapshot> lower_from_file(const DeviceSnapshot& device, const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in) return fail(ErrorCode::io, "{}: cannot be read", file.string());
    Result<DeviceSnapshot> lowered = lower(device, text.view());
    if (!lowered) lowered.error().message = file.string() + ": " + lowered.error().message;
    return lowered;
}

}  // namespace tuff::host
