// The model in a GGUF file: its tensors as they are, and its shape from the metadata.
#pragma once

#include <tuff/result.hpp>

#include "backend/gguf.hpp"
#include "backend/model/model.hpp"

namespace tuff {

// `malformed`: a key that is missing, of another type, out of range (model_limits) or that contradicts the
// others, with its name; `unsupported`: not a language model, or a part of a split one. What GGUF leaves to
// the reader (which layers slide) follows llama.cpp.
[[nodiscard]] Result<Model> gguf_model(const GgufFile& file);

}  // namespace tuff
