// Models described by the config.json of Hugging Face transformers: shapes only, no weights. The tensors are
// those that llama.cpp's converter writes for the architecture, so sizes by recipe are those of real files.
#pragma once

#include <tuff/result.hpp>

#include <string>
#include <string_view>

#include "backend/model/model.hpp"

namespace tuff {

// A config.json is a few KiB; more is no config.json.
inline constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;

// The architectures that are understood, as "model_type" names them: "llama, mistral, ...".
[[nodiscard]] std::string config_architectures();

// `name` stands for the model in messages and reports. `malformed`: no JSON, or a value that is missing, of
// another type or out of range, with its key and the limit; `unsupported`: an unknown model_type.
[[nodiscard]] Result<Model> parse_config(std::string_view json, std::string_view name);

// The same from a file; `io`: it cannot be read; `malformed` also: it is larger than kMaxConfigBytes.
[[nodiscard]] Result<Model> read_config(const std::string& path);

}  // namespace tuff
