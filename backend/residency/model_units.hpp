// The units of a plan with what a file has of them: what PlacedModel loads.
#pragma once

#include <string>
#include <vector>

#include "backend/gguf.hpp"
#include "backend/plan/units.hpp"
#include "backend/residency/unit_image.hpp"

namespace tuff {

struct ModelUnits {
    std::vector<ModelUnit> units;       // in the order of their use
    std::vector<std::string> left_out;  // tensors of types that no kernel reads
};

// `residency` places units of the model that the file describes: one for each of them, in the same order.
[[nodiscard]] ModelUnits model_units(const GgufFile& file, const Residency& residency);

}  // namespace tuff
