// What the tensors of a model take, type by type, as several commands print it.
#pragma once

#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "backend/type_totals.hpp"

namespace tuff::tools {

// With the share of each in the bytes of all.
[[nodiscard]] std::string types_table(std::span<const TypeTotal> totals);
[[nodiscard]] nlohmann::ordered_json types_json(std::span<const TypeTotal> totals);

}  // namespace tuff::tools
