#include "host/snapshot_json.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "host/snapshot_fields.hpp"

namespace tuff::host {
namespace {

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
    std::string text;
    for (const std::uint8_t byte : uuid) text += fmt::format("{:02x}", byte);
    return text;
}

Result<void> read_uuid(const Json& value, const std::string& field, std::array<std::uint8_t, 16>& out) {
    std::string text;
    TUFF_CHECK(read_text(value, field, text));
    bool good = text.size() == 32;
    for (std::size_t i = 0; good && i < 16; ++i) {
        const char* const begin = text.data() + 2 * i;
        const auto [end, error] = std::from_chars(begin, begin + 2, out[i], 16);
        good = error == std::errc() && end == begin + 2;
    }
    if (!good) return fail(ErrorCode::malformed, "'{}' is not 32 hexadecimal digits", field);
    return {};
}

// Each reader goes through one object's members and refuses those it does not know.
template <class Read>
Result<void> read_members(const Json& object, const std::string& path, Read read) {
    if (!object.is_object()) return fail(ErrorCode::malformed, "'{}' is not an object", path);
    for (const auto& [name, value] : object.items()) {
        const std::string field = path.empty() ? name : path + "." + name;
        TUFF_TRY(known, read(std::string_view(name), value, field));
        if (!known) return fail(ErrorCode::malformed, "unknown field '{}'", field);
    }
    return {};
}

template <class T, class Read>
Result<void> read_list(const Json& list, const std::string& path, std::vector<T>& out, Read read) {
    if (!list.is_array()) return fail(ErrorCode::malformed, "'{}' is not a list", path);
    for (std::size_t i = 0; i < list.size(); ++i) {
        T item;
        TUFF_CHECK(read(list[i], fmt::format("{}[{}]", path, i), item));
        out.push_back(std::move(item));
    }
    return {};
}

// Turns "this member is read by that call" into the known-or-not answer of read_members.
#define TUFF_MEMBER(text, call) \
    if (name == (text)) {       \
        TUFF_CHECK(call);       \
        return true;            \
    }

Result<void> read_limits(const Json& object, const std::string& path, Limits& out) {
    return read_members(
        object, path, [&](std::string_view name, const Json& value, const std::string& field) {
            Result<bool> known = false;
            for_each_limit(out, [&](std::string_view limit, auto& member, bool /*lowerable*/) {
                if (limit != name) return;
                Result<void> read = read_number(value, field, member);
                known = read ? Result<bool>(true) : Result<bool>(std::unexpected(std::move(read).error()));
            });
            return known;
        });
}

Result<void> read_subgroup(const Json& object, const std::string& path, Subgroup& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("size", read_number(value, field, out.size));
            TUFF_MEMBER("min_size", read_number(value, field, out.min_size));
            TUFF_MEMBER("max_size", read_number(value, field, out.max_size));
            TUFF_MEMBER("max_per_workgroup", read_number(value, field, out.max_per_workgroup));
            return false;
        });
}

Result<void> read_features(const Json& object, const std::string& path, FeatureSet& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            const std::optional<Feature> feature = parse_feature(name);
            if (!feature) return false;
            bool present = false;
            TUFF_CHECK(read_flag(value, field, present));
            out.set(*feature, present);
            return true;
        });
}

Result<void> read_heap(const Json& object, const std::string& path, Heap& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("bytes", read_number(value, field, out.bytes));
            TUFF_MEMBER("device_local", read_flag(value, field, out.device_local));
            TUFF_MEMBER("budget_bytes", read_number(value, field, out.budget_bytes));
            TUFF_MEMBER("usage_bytes", read_number(value, field, out.usage_bytes));
            return false;
        });
}

Result<void> read_memory_type(const Json& object, const std::string& path, MemoryType& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("heap", read_number(value, field, out.heap));
            TUFF_MEMBER("device_local", read_flag(value, field, out.device_local));
            TUFF_MEMBER("host_visible", read_flag(value, field, out.host_visible));
            TUFF_MEMBER("host_coherent", read_flag(value, field, out.host_coherent));
            TUFF_MEMBER("host_cached", read_flag(value, field, out.host_cached));
            TUFF_MEMBER("special", read_flag(value, field, out.special));
            return false;
        });
}

Result<void> read_queue_family(const Json& object, const std::string& path, QueueFamily& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("count", read_number(value, field, out.count));
            TUFF_MEMBER("graphics", read_flag(value, field, out.graphics));
            TUFF_MEMBER("compute", read_flag(value, field, out.compute));
            TUFF_MEMBER("transfer", read_flag(value, field, out.transfer));
            TUFF_MEMBER("timestamp_valid_bits", read_number(value, field, out.timestamp_valid_bits));
            return false;
        });
}

Result<void> read_matrix_shape(const Json& object, const std::string& path, MatrixShape& out) {
    return read_members(
        object, path,
        [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("m", read_number(value, field, out.m));
            TUFF_MEMBER("n", read_number(value, field, out.n));
            TUFF_MEMBER("k", read_number(value, field, out.k));
            TUFF_MEMBER("a", read_text(value, field, out.a));
            TUFF_MEMBER("b", read_text(value, field, out.b));
            TUFF_MEMBER("c", read_text(value, field, out.c));
            TUFF_MEMBER("result", read_text(value, field, out.result));
            TUFF_MEMBER("scope", read_text(value, field, out.scope));
            TUFF_MEMBER("saturating", read_flag(value, field, out.saturating));
            return false;
        });
}

Result<void> read_type(const Json& value, const std::string& field, DeviceType& out) {
    std::string text;
    TUFF_CHECK(read_text(value, field, text));
    const std::optional<DeviceType> type = parse_device_type(text);
    if (!type) return fail(ErrorCode::malformed, "'{}' names no device type: '{}'", field, text);
    out = *type;
    return {};
}

// "1.3.230"
Result<void> read_version(const Json& value, const std::string& field, std::uint32_t& out) {
    std::string text;
    TUFF_CHECK(read_text(value, field, text));
    std::array<std::uint32_t, 3> part{};
    const char* at = text.data();
    const char* const end = at + text.size();
    bool good = true;
    for (std::size_t i = 0; good && i < 3; ++i) {
        const auto [next, error] = std::from_chars(at, end, part[i]);
        good = error == std::errc() && (i < 2 ? next != end && *next == '.' : next == end);
        at = good && i < 2 ? next + 1 : next;
    }
    if (!good || part[0] > 127 || part[1] > 1023 || part[2] > 4095) {
        return fail(ErrorCode::malformed, "'{}' is not a version like \"1.3.0\": '{}'", field, text);
    }
    out = part[0] << 22 | part[1] << 12 | part[2];
    return {};
}

Result<void> read_snapshot(const Json& object, DeviceSnapshot& out) {
    return read_members(
        object, "", [&](std::string_view name, const Json& value, const std::string& field) -> Result<bool> {
            TUFF_MEMBER("name", read_text(value, field, out.name));
            TUFF_MEMBER("type", read_type(value, field, out.type));
            TUFF_MEMBER("driver_name", read_text(value, field, out.driver_name));
            TUFF_MEMBER("driver_info", read_text(value, field, out.driver_info));
            TUFF_MEMBER("driver_version", read_number(value, field, out.driver_version));
            TUFF_MEMBER("api_version", read_version(value, field, out.api_version));
            TUFF_MEMBER("vendor_id", read_number(value, field, out.vendor_id));
            TUFF_MEMBER("device_id", read_number(value, field, out.device_id));
            TUFF_MEMBER("device_uuid", read_uuid(value, field, out.device_uuid));
            TUFF_MEMBER("driver_uuid", read_uuid(value, field, out.driver_uuid));
            TUFF_MEMBER("pipeline_cache_uuid", read_uuid(value, field, out.pipeline_cache_uuid));
            TUFF_MEMBER("limits", read_limits(value, field, out.limits));
            TUFF_MEMBER("subgroup", read_subgroup(value, field, out.subgroup));
            TUFF_MEMBER("features", read_features(value, field, out.features));
            TUFF_MEMBER("heaps", read_list(value, field, out.heaps, read_heap));
            TUFF_MEMBER("memory_types", read_list(value, field, out.memory_types, read_memory_type));
            TUFF_MEMBER("queue_families", read_list(value, field, out.queue_families, read_queue_family));
            TUFF_MEMBER("matrix_shapes", read_list(value, field, out.matrix_shapes, read_matrix_shape));
            return false;
        });
}

#undef TUFF_MEMBER

// Text from a driver is not always UTF-8; the serializer would throw.
Json text_of(const std::string& text) {
    std::string clean = text;
    std::ranges::replace_if(
        clean, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return clean;
}

Json limits_json(const Limits& limits) {
    Json out = Json::object();
    for_each_limit(limits,
                   [&out](const char* name, const auto& member, bool /*lowerable*/) { out[name] = member; });
    return out;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& error) {
        return fail(ErrorCode::malformed, "not JSON, at byte {}", error.byte);
    } catch (const std::exception& error) {
        return fail(ErrorCode::malformed, "not JSON: {}", error.what());
    }
}

std::string snapshot_to_json(const DeviceSnapshot& device) {
    Json out = Json::object();
    out["name"] = text_of(device.name);
    out["type"] = device_type_name(device.type);
    out["driver_name"] = text_of(device.driver_name);
    out["driver_info"] = text_of(device.driver_info);
    out["driver_version"] = device.driver_version;
    out["api_version"] = version_text(device.api_version);
    out["vendor_id"] = device.vendor_id;
    out["device_id"] = device.device_id;
    out["device_uuid"] = uuid_text(device.device_uuid);
    out["driver_uuid"] = uuid_text(device.driver_uuid);
    out["pipeline_cache_uuid"] = uuid_text(device.pipeline_cache_uuid);
    out["limits"] = limits_json(device.limits);
    out["subgroup"] = {{"size", device.subgroup.size},
                       {"min_size", device.subgroup.min_size},
                       {"max_size", device.subgroup.max_size},
                       {"max_per_workgroup", device.subgroup.max_per_workgroup}};
    Json& features = out["features"] = Json::object();
    for (std::size_t i = 0; i < kFeatureCount; ++i) {
        const auto feature = static_cast<Feature>(i);
        features[std::string(feature_name(feature))] = device.has(feature);
    }
    Json& heaps = out["heaps"] = Json::array();
    for (const Heap& heap : device.heaps) {
        heaps.push_back({{"bytes", heap.bytes},
                         {"device_local", heap.device_local},
                         {"budget_bytes", heap.budget_bytes},
                         {"usage_bytes", heap.usage_bytes}});
    }
    Json& types = out["memory_types"] = Json::array();
    for (const MemoryType& type : device.memory_types) {
        types.push_back({{"heap", type.heap},
                         {"device_local", type.device_local},
                         {"host_visible", type.host_visible},
                         {"host_coherent", type.host_coherent},
                         {"host_cached", type.host_cached},
                         {"special", type.special}});
    }
    Json& families = out["queue_families"] = Json::array();
    for (const QueueFamily& family : device.queue_families) {
        families.push_back({{"count", family.count},
                            {"graphics", family.graphics},
                            {"compute", family.compute},
                            {"transfer", family.transfer},
                            {"timestamp_valid_bits", family.timestamp_valid_bits}});
    }
    Json& shapes = out["matrix_shapes"] = Json::array();
    for (const MatrixShape& shape : device.matrix_shapes) {
        shapes.push_back({{"m", shape.m},
                          {"n", shape.n},
                          {"k", shape.k},
                          {"a", shape.a},
                          {"b", shape.b},
                          {"c", shape.c},
                          {"result", shape.result},
                          {"scope", shape.scope},
                          {"saturating", shape.saturating}});
    }
    return out.dump(2);
}

Result<DeviceSnapshot> snapshot_from_json(std::string_view text) {
    TUFF_TRY(json, parse_json(text));
    try {
        DeviceSnapshot device;
        TUFF_CHECK(read_snapshot(json, device));
        return device;
    } catch (const std::exception& error) {
        return fail(ErrorCode::malformed, "a device snapshot: {}", error.what());
    }
}

}  // namespace tuff::host
