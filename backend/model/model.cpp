#include "backend/model/model.hpp"

#include <charconv>

namespace tuff {

std::uint64_t Model::parameters() const {
    std::uint64_t sum = 0;
    for (const ModelTensor& tensor : tensors) sum += tensor.elements();
    return sum;
}

std::optional<std::uint32_t> layer_of(std::string_view tensor) {
    constexpr std::string_view kPrefix = "blk.";
    if (!tensor.starts_with(kPrefix)) return std::nullopt;
    tensor.remove_prefix(kPrefix.size());
    std::uint32_t layer = 0;
    const auto [end, error] = std::from_chars(tensor.data(), tensor.data() + tensor.size(), layer);
    if (error != std::errc() || end == tensor.data() + tensor.size() || *end != '.') return std::nullopt;
    return layer;
}

bool is_expert_stack(const ModelTensor& tensor) {
    return tensor.n_dims == 3 && tensor.name.contains("_exps.");
}

Result<void> check_shape(const Hyperparameters& shape) {
    for (std::size_t i = 0; i < shape.layers.size(); i++) {
        const LayerShape& layer = shape.layers[i];
        if (layer.kv_heads > 0 && (layer.heads == 0 || layer.heads % layer.kv_heads != 0))
            return fail(ErrorCode::malformed,
                        "{}: layer {} has {} attention heads, no multiple of its {} key/value heads",
                        shape.name, i, layer.heads, layer.kv_heads);
        if (layer.experts_used > layer.experts)
            return fail(ErrorCode::malformed, "{}: layer {} uses {} experts of {}", shape.name, i,
                        layer.experts_used, layer.experts);
        if (layer.experts > 0 && layer.experts_used == 0)
            return fail(ErrorCode::malformed, "{}: layer {} has {} experts and uses none", shape.name, i,
                        layer.experts);
    }
    return {};
}

}  // namespace tuff
