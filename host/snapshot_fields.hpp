// Private to host/: nlohmann's JSON with errors as values, and the one list of a snapshot's number fields
// that JSON and caps share.
#pragma once

#include <tuff/result.hpp>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "host/snapshot.hpp"

namespace tuff::host {

// Fields keep the order they were written in.
using Json = nlohmann::ordered_json;

// Parses text; malformed names the byte where it stopped being JSON.
Result<Json> parse_json(std::string_view text);

// Reads a non-negative integer that fits T.
template <class T>
Result<void> read_number(const Json& value, const std::string& field, T& out) {
    if constexpr (std::is_floating_point_v<T>) {
        if (!value.is_number()) return fail(ErrorCode::malformed, "'{}' is not a number", field);
        out = value.get<T>();
    } else {
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<T>::max()) {
            return fail(ErrorCode::malformed, "'{}' is not a whole number from 0 to {}", field,
                        std::numeric_limits<T>::max());
        }
        out = static_cast<T>(value.get<std::uint64_t>());
    }
    return {};
}

template <class T, std::size_t N>
Result<void> read_number(const Json& value, const std::string& field, std::array<T, N>& out) {
    if (!value.is_array() || value.size() != N) {
        return fail(ErrorCode::malformed, "'{}' is not a list of {} numbers", field, N);
    }
    for (std::size_t i = 0; i < N; ++i)
        TUFF_CHECK(read_number(value[i], fmt::format("{}[{}]", field, i), out[i]));
    return {};
}

inline Result<void> read_flag(const Json& value, const std::string& field, bool& out) {
    if (!value.is_boolean()) return fail(ErrorCode::malformed, "'{}' is neither true nor false", field);
    out = value.get<bool>();
    return {};
}

inline Result<void> read_text(const Json& value, const std::string& field, std::string& out) {
    if (!value.is_string()) return fail(ErrorCode::malformed, "'{}' is not text", field);
    out = value.get<std::string>();
    return {};
}

// Calls visit(name, member, lowerable) for every limit. `lowerable`: a smaller value describes a lesser
// device; of the others (a period, an alignment) no value is less than another.
template <class AnyLimits, class Visit>
void for_each_limit(AnyLimits& limits, Visit visit) {
    visit("max_workgroup_size", limits.max_workgroup_size, true);
    visit("max_workgroup_invocations", limits.max_workgroup_invocations, true);
    visit("max_workgroup_count", limits.max_workgroup_count, true);
    visit("shared_memory_bytes", limits.shared_memory_bytes, true);
    visit("push_constant_bytes", limits.push_constant_bytes, true);
    visit("max_buffer_bytes", limits.max_buffer_bytes, true);
    visit("max_allocation_bytes", limits.max_allocation_bytes, true);
    visit("max_allocation_count", limits.max_allocation_count, true);
    visit("non_coherent_atom_bytes", limits.non_coherent_atom_bytes, false);
    visit("timestamp_period_ns", limits.timestamp_period_ns, false);
    visit("min_imported_host_pointer_alignment", limits.min_imported_host_pointer_alignment, false);
}

}  // namespace tuff::host
