// Snapshots as JSON: what `tuff devices --json` prints, what hand-written test devices are made of, and the
// field names a caps file uses.
#pragma once

#include <tuff/result.hpp>

#include <string>
#include <string_view>

#include "host/snapshot.hpp"

namespace tuff::host {

// One object, indented; every field is present, features as {"name": true|false}.
std::string snapshot_to_json(const DeviceSnapshot& device);

// The inverse. Fields left out keep their defaults, so a test can write only what matters. malformed: not
// JSON, a field nobody knows, or a value of the wrong kind; the message names the field.
Result<DeviceSnapshot> snapshot_from_json(std::string_view text);

}  // namespace tuff::host
