// Lowers a device: a caps file makes a real device look like a lesser one, to test what lesser devices get.
#pragma once

#include <tuff/result.hpp>

#include <filesystem>
#include <string_view>

#include "host/snapshot.hpp"

namespace tuff::host {

// `json` has the fields of snapshot_to_json, any subset of them: features set to false, limits made smaller,
// a subgroup range made narrower, fewer matrix shapes, smaller heaps ("heaps": [{"budget_bytes": N}], one
// entry per heap,
// {} to keep it). Values equal to the device's own are accepted, so a snapshot lowers its own device to
// itself. {"simulated_card": {"memory_bytes": N}} makes a device that shares the host's memory a card with N
// bytes of its own (host/simulated_card.hpp). A feature another one stands on takes that one along. usage: a
// field is raised (names it, both values), cannot be changed, or is unknown; malformed: not JSON or a wrong
// kind of value.
Result<DeviceSnapshot> lower(const DeviceSnapshot& device, std::string_view json);

// The same from a file; io: it cannot be read. Messages begin with its name.
Result<DeviceSnapshot> lower_from_file(const DeviceSnapshot& device, const std::filesystem::path& file);

}  // namespace tuff::host
