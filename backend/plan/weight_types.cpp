#include "backend/plan/weight_types.hpp"

#include "backend/format.hpp"
#include "backend/quantize/recipe.hpp"

namespace tuff {
namespace {

ModelShape recipe_input(const Model& model) {
    ModelShape input;
    for (const ModelTensor& tensor : model.tensors)
        input.tensors.push_back(TensorShape::of(tensor.name, tensor.dims));
    input.layers = model.shape.layers.size();
    input.heads = model.shape.stated_heads;
    input.kv_heads = model.shape.stated_kv_heads > 0 ? model.shape.stated_kv_heads : input.heads;
    input.experts = model.shape.stated_experts;
    return input;
}

}  // namespace

Result<std::vector<const TypeInfo*>> weight_types(const Model& model, std::string_view recipe,
                                                  bool with_importance) {
    std::vector<const TypeInfo*> types;
    if (recipe.empty()) {
        for (const ModelTensor& tensor : model.tensors) {
            if (tensor.type == nullptr)
                return fail(ErrorCode::usage, "{} has no file: say which weights; there are: {}",
                            model.shape.name, recipe_names());
            types.push_back(tensor.type);
        }
        return types;
    }
    const Recipe* found = find_recipe(recipe);
    if (found == nullptr)
        return fail(ErrorCode::usage, "unknown weights '{}'; there are: {}", recipe, recipe_names());
    TUFF_TRY(decisions, decide(*found, recipe_input(model), with_importance));
    static const TypeInfo* const kept_without_file = find_type("f32");
    for (std::size_t i = 0; i < decisions.size(); i++) {
        const TypeInfo* now = model.tensors[i].type;
        // What cannot be read, integers for example, stays as it is, as a quantizer leaves it.
        const bool stays = decisions[i].type == nullptr || (now && find_format(now->id) == nullptr);
        types.push_back(!stays ? decisions[i].type : now ? now : kept_without_file);
    }
    return types;
}

}  // namespace tuff
