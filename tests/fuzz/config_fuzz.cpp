// Any bytes as a config.json: they are refused with a message, or the model they describe can be gone
// through.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backend/model/config.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using tuff::fuzz::require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto model = tuff::parse_config({reinterpret_cast<const char*>(bytes), size}, "config.json");
    if (!model) {
        require(model.error().message.starts_with("config.json: "));
        return 0;
    }
    const tuff::Hyperparameters& shape = model->shape;
    require(!shape.layers.empty() && shape.layers.size() <= tuff::model_limits::layers);
    require(shape.embedding > 0 && shape.vocabulary > 0 && shape.positions > 0);
    for (const tuff::LayerShape& layer : shape.layers) {
        require(layer.kv_heads == 0 || layer.heads % layer.kv_heads == 0);
        require(layer.experts_used <= layer.experts);
    }
    for (const tuff::ModelTensor& tensor : model->tensors) {
        require(tensor.n_dims >= 1 && tensor.n_dims <= 3);
        // No product of a tensor's dimensions wraps.
        std::uint64_t elements = 1;
        for (const std::uint64_t dim : tensor.dims)
            require(dim > 0 && !__builtin_mul_overflow(elements, dim, &elements));
        require(elements == tensor.elements());
        if (const auto layer = tuff::layer_of(tensor.name)) require(*layer < shape.layers.size());
    }
    return 0;
}
