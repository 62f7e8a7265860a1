// Which type every weight of a model has: as its file says, or as a recipe would make it.
#pragma once

#include <tuff/result.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "backend/model/model.hpp"

namespace tuff {

// "f32, f16, ..., q4_k_m": what weight_types() knows.
[[nodiscard]] std::string weight_names();

// The types of a model's tensors, in order. `name`: a type, for files of that type, or a recipe; empty: as
// the model's file has them. `usage`: an unknown name, or none for a model without a file.
[[nodiscard]] Result<std::vector<const TypeInfo*>> weight_types(const Model& model, std::string_view name);

}  // namespace tuff
