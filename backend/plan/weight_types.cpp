#include "backend/plan/weight_types.hpp"

#include <algorithm>
#include <array>

namespace tuff {
namespace {

// The first type serves most tensors; the other the output, and those that lose most by the first.
struct Mix {
    std::string_view name, base, better;
    bool some_layers;  // of attn_v and ffn_down are better too
};
constexpr auto kMixes = std::to_array<Mix>({
    {"f32", "f32", "f32", false},
    {"f16", "f16", "f16", false},
    {"bf16", "bf16", "bf16", false},
    {"q8_0", "q8_0", "q8_0", false},
    {"q6_k", "q6_k", "q6_k", false},
    {"q4_k_m", "q4_k", "q6_k", true},
    {"q4_0", "q4_0", "q6_k", false},
});

bool is_quantized(const ModelTensor& tensor) {
    return tensor.n_dims >= 2 && tensor.name.ends_with("weight") && !tensor.name.contains("ffn_gate_inp.") &&
           !tensor.name.contains("ssm_conv1d.");
}

bool in_better_layer(const ModelTensor& tensor, std::uint64_t layers) {
    if (!tensor.name.contains(".attn_v.") && !tensor.name.contains(".ffn_down")) return false;
    const std::uint64_t layer = layer_of(tensor.name).value_or(0);
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

// Where rows are no multiple of a type's block.
const TypeInfo* fitting(const TypeInfo* type, std::uint64_t elements) {
    constexpr std::pair<std::string_view, std::string_view> kInstead[] = {{"q4_k", "q5_0"}, {"q6_k", "q8_0"}};
    for (const auto& [wanted, instead] : kInstead)
        if (type->name == wanted && elements % type->block_elements != 0) type = find_type(instead);
    return elements % type->block_elements == 0 ? type : find_type("f16");
}

}  // namespace

std::string weight_names() {
    std::string names;
    for (const Mix& mix : kMixes) names += (names.empty() ? "" : ", ") + std::string(mix.name);
    return names;
}

Result<std::vector<const TypeInfo*>> weight_types(const Model& model, std::string_view name) {
    std::vector<const TypeInfo*> types;
    if (name.empty()) {
        for (const ModelTensor& tensor : model.tensors) {
            if (tensor.type == nullptr)
                return fail(ErrorCode::usage, "{} has no file: say which weights; there are: {}",
                            model.shape.name, weight_names());
            types.push_back(tensor.type);
        }
        return types;
    }
    const auto* mix = std::ranges::find(kMixes, name, &Mix::name);
    if (mix == kMixes.end())
        return fail(ErrorCode::usage, "unknown weights '{}'; there are: {}", name, weight_names());
    const TypeInfo* base = find_type(mix->base);
    const TypeInfo* better = find_type(mix->better);
    const std::string_view output = model.shape.tied_embeddings ? "token_embd.weight" : "output.weight";
    for (const ModelTensor& tensor : model.tensors) {
        const bool is_better =
            tensor.name == output || (mix->some_layers && in_better_layer(tensor, model.shape.layers.size()));
        if (is_quantized(tensor))
            types.push_back(fitting(is_better ? better : base, tensor.dims[0]));
        else
            types.push_back(tensor.type ? tensor.type : find_type("f32"));
    }
    return types;
}

}  // namespace tuff
