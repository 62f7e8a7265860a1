// Which type every weight of a model has: as its file says, or as `tuff quantize` would make it.
#pragma once

#include <tuff/result.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "backend/model/model.hpp"

namespace tuff {

// The types of a model's tensors, in order. `recipe`: what quantize/recipe.hpp decides, with or without an
// importance matrix; empty: as the model's file has them. `usage`: an unknown recipe, none for a model
// without a file, or rows that nothing of the recipe fits.
[[nodiscard]] Result<std::vector<const TypeInfo*>> weight_types(const Model& model, std::string_view recipe,
                                                                bool with_importance = false);

}  // namespace tuff
