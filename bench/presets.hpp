// The weight matrices of well-known models, as cases to measure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/model/model.hpp"

namespace tuff::bench {

// Matrices of one shape, by the names GGUF gives them.
struct PresetPart {
    std::string name;     // "attn_q, attn_output"
    std::uint64_t m = 0;  // rows: outputs
    std::uint64_t k = 0;  // elements of a row: inputs
    friend bool operator==(const PresetPart&, const PresetPart&) = default;
};

// Each shape of quantized matrices in a model once, in the order of its layers, the output last. A stack of
// experts stands for one of them.
[[nodiscard]] std::vector<PresetPart> preset_parts(const Model& model);

}  // namespace tuff::bench
