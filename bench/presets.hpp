// Presets: the weight matrices of well-known models, from their published architectures.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace tuff::bench {

// Matrices of one shape, by the names GGUF gives them.
struct PresetPart {
    std::string_view name;  // "attn_q, attn_output"
    std::uint64_t m;        // rows: outputs
    std::uint64_t k;        // elements of a row: inputs
};

struct Preset {
    std::string_view name;
    std::span<const PresetPart> parts;
};

[[nodiscard]] std::span<const Preset> presets();

// `usage`: an unknown name, with the choices.
[[nodiscard]] Result<const Preset*> find_preset(std::string_view name);

}  // namespace tuff::bench
