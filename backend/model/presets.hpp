// Well-known models by name.
#pragma once

#include <tuff/result.hpp>

#include <span>
#include <string>
#include <string_view>

#include "backend/model/model.hpp"

namespace tuff {

struct ModelPreset {
    std::string_view name;    // "llama-3.1-8b"
    std::string_view config;  // what of its published config.json decides shapes
};

[[nodiscard]] std::span<const ModelPreset> model_presets();
[[nodiscard]] std::string model_preset_names();  // "llama-3.1-8b, ..."

// `usage`: an unknown name, with the choices.
[[nodiscard]] Result<Model> preset_model(std::string_view name);

}  // namespace tuff
