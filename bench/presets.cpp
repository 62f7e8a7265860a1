#include "bench/presets.hpp"

#include <algorithm>
#include <string_view>

namespace tuff::bench {
namespace {

// "attn_q" of "blk.7.attn_q.weight".
std::string part_name(std::string_view tensor) {
    if (layer_of(tensor)) tensor.remove_prefix(tensor.find('.', tensor.find('.') + 1) + 1);
    return std::string(tensor.substr(0, tensor.rfind(".weight")));
}

// Routers and convolutions are small and stay as they are.
bool quantized(const ModelTensor& tensor) {
    return tensor.n_dims >= 2 && tensor.name.ends_with(".weight") && !tensor.name.contains("ffn_gate_inp") &&
           !tensor.name.contains("ssm_conv1d");
}

void add(std::vector<PresetPart>& parts, std::string name, const ModelTensor& tensor) {
    const auto same = std::ranges::find_if(
        parts, [&](const PresetPart& part) { return part.m == tensor.dims[1] && part.k == tensor.dims[0]; });
    if (same == parts.end())
        parts.push_back({std::move(name), tensor.dims[1], tensor.dims[0]});
    else if (!(", " + same->name + ",").contains(", " + name + ","))
        same->name += ", " + name;
}

}  // namespace

std::vector<PresetPart> preset_parts(const Model& model) {
    std::vector<PresetPart> parts;
    for (const ModelTensor& tensor : model.tensors)
        if (layer_of(tensor.name) && quantized(tensor)) add(parts, part_name(tensor.name), tensor);
    const std::string_view output = model.shape.tied_embeddings ? "token_embd.weight" : "output.weight";
    const auto last = std::ranges::find(model.tensors, output, &ModelTensor::name);
    if (last != model.tensors.end()) add(parts, "output", *last);
    return parts;
}

}  // namespace tuff::bench
