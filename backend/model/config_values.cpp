#include "backend/model/config_values.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "backend/printable.hpp"

namespace tuff {
namespace {

using Json = nlohmann::json;

// What stands there, for messages; strings and arrays may be of any length.
std::string shown(const Json& value) {
    if (value.is_string()) return fmt::format("'{}'", printable(value.get_ref<const std::string&>(), 40));
    return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace), 40);
}

const Json& empty_object() {
    static const Json empty = Json::object();
    return empty;
}

}  // namespace

ConfigValues::ConfigValues(const Json& object, std::string name, std::string prefix)
    : object_(&object), name_(std::move(name)), prefix_(std::move(prefix)) {}

const Json* ConfigValues::find(std::string_view key) const {
    const auto at = object_->find(key);
    return at == object_->end() || at->is_null() ? nullptr : &*at;
}

bool ConfigValues::has(std::string_view key) const {
    return find(key) != nullptr;
}

void ConfigValues::keep(std::string message) {
    if (!mistake_) mistake_ = std::move(message);
}

Result<void> ConfigValues::checked() const {
    if (mistake_) return fail(ErrorCode::malformed, "{}: {}", name_, *mistake_);
    return {};
}

std::uint64_t ConfigValues::integer(std::string_view key, const Json& value, std::uint64_t most,
                                    std::uint64_t least) {
    if (!value.is_number_integer()) {
        refuse("'{}{}' is {}, not an integer", prefix_, key, shown(value));
        return least;
    }
    const bool negative = !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
    const std::uint64_t number = negative ? 0 : value.get<std::uint64_t>();
    if (negative || number < least || number > most) {
        refuse("'{}{}' is {}, not between {} and {}", prefix_, key, shown(value), least, most);
        return least;
    }
    return number;
}

std::uint64_t ConfigValues::required(std::string_view key, std::uint64_t most, std::uint64_t least) {
    if (const Json* value = find(key)) return integer(key, *value, most, least);
    refuse("'{}{}' is missing", prefix_, key);
    return least;
}

std::uint64_t ConfigValues::optional(std::string_view key, std::uint64_t fallback, std::uint64_t most,
                                     std::uint64_t least) {
    const Json* value = find(key);
    return value ? integer(key, *value, most, least) : fallback;
}

double ConfigValues::optional_fraction(std::string_view key, double fallback) {
    const Json* value = find(key);
    if (!value) return fallback;
    const double number = value->is_number() ? value->get<double>() : 0;
    if (number > 0 && number <= 1) return number;
    refuse("'{}{}' is {}, not a number above 0 and up to 1", prefix_, key, shown(*value));
    return fallback;
}

bool ConfigValues::flag(std::string_view key, bool fallback) {
    const Json* value = find(key);
    if (!value) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    refuse("'{}{}' is {}, neither true nor false", prefix_, key, shown(*value));
    return fallback;
}

std::string ConfigValues::text(std::string_view key) {
    const Json* value = find(key);
    if (!value) return "";
    if (value->is_string()) return value->get<std::string>();
    refuse("'{}{}' is {}, not a string", prefix_, key, shown(*value));
    return "";
}

std::optional<std::vector<std::string>> ConfigValues::texts(std::string_view key) {
    const Json* value = find(key);
    if (!value) return std::nullopt;
    std::vector<std::string> list;
    bool strings = value->is_array();
    for (std::size_t i = 0; strings && i < value->size(); i++) {
        strings = (*value)[i].is_string();
        if (strings) list.push_back((*value)[i].get<std::string>());
    }
    if (strings) return list;
    refuse("'{}{}' is {}, not an array of strings", prefix_, key, shown(*value));
    return std::nullopt;
}

std::vector<std::uint64_t> ConfigValues::numbers(std::string_view key, std::uint64_t most) {
    const Json* value = find(key);
    if (!value) return {};
    std::vector<std::uint64_t> list;
    if (!value->is_array()) refuse("'{}{}' is {}, not an array", prefix_, key, shown(*value));
    if (value->is_array())
        for (const Json& one : *value) list.push_back(integer(key, one, most, 0));
    return list;
}

ConfigValues ConfigValues::object(std::string_view key) {
    const Json* value = find(key);
    if (value && !value->is_object()) refuse("'{}{}' is {}, not an object", prefix_, key, shown(*value));
    return {value && value->is_object() ? *value : empty_object(), name_, fmt::format("{}{}.", prefix_, key)};
}

}  // namespace tuff
