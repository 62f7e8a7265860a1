#include "backend/quantize/recipe.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "backend/formats/plain.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

bool ends_with_weight(std::string_view name) {
    return name.ends_with("weight");
}

Part part_of(std::string_view name) {
    const auto has = [&](std::string_view piece) { return name.find(piece) != std::string_view::npos; };
    if (has("attn_v.weight") || has("attn_qkv.weight") || has("attn_kv_b.weight")) return Part::attn_v;
    if (has("attn_k.weight")) return Part::attn_k;
    if (has("attn_q.weight")) return Part::attn_q;
    if (has("attn_output.weight")) return Part::attn_output;
    if (has("ffn_down")) return Part::ffn_down;
    if (has("ffn_gate")) return Part::ffn_gate;
    if (has("ffn_up")) return Part::ffn_up;
    if (name == "token_embd.weight") return Part::token_embd;
    return Part::other;
}

// The number in "blk.N.".
std::optional<std::uint64_t> layer_in(std::string_view name) {
    constexpr std::string_view prefix = "blk.";
    if (!name.starts_with(prefix)) return std::nullopt;
    std::uint64_t layer = 0;
    const char* from = name.data() + prefix.size();
    const auto [end, error] = std::from_chars(from, name.data() + name.size(), layer);
    if (error != std::errc{} || end == from) return std::nullopt;
    return layer;
}

bool more_bits(std::uint64_t i, std::uint64_t n) {
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

// A tensor among those of its part.
struct Position {
    Part part;
    std::uint64_t index, count;  // the layer, and how many there are
};

bool holds(When when, const Position& at, const ModelShape& model) {
    const std::uint64_t i = at.index, n = at.count;
    const bool grouped = model.kv_heads > 0 && model.heads / model.kv_heads >= 4;
    switch (when) {
        case When::always:
            return true;
        case When::first_sixteenth:
            return i < n / 16;
        case When::first_eighth:
            return i < n / 8;
        case When::middle:
            return i >= n / 8 && i < 7 * n / 8;
        case When::more_bits:
            return more_bits(i, n);
        case When::first_two:
            return i < 2;
        case When::first_four:
            return i < 4;
        case When::grouped:
            return grouped;
        case When::grouped_or_experts:
            return grouped || model.experts >= 4;
    }
    return false;
}

std::string_view by_rules(const Recipe& recipe, const Position& at, const ModelShape& model,
                          bool with_importance) {
    for (const Rule& rule : recipe.rules) {
        if (rule.part != at.part || !holds(rule.when, at, model)) continue;
        if (rule.given == Given::with_importance && !with_importance) continue;
        if (rule.given == Given::without_importance && with_importance) continue;
        return rule.type;
    }
    return recipe.base;
}

std::string_view for_eight_experts(const Recipe& recipe, const Position& at, std::string_view type) {
    const bool q8_0 = recipe.eight_experts == EightExperts::attn_v_and_k_q8_0;
    if (at.part == Part::attn_v && q8_0) return "q8_0";
    if (at.part == Part::attn_k) return q8_0 ? "q8_0" : "q4_k";
    if (at.part == Part::attn_output) return recipe.attn_output_q5_k ? "q5_k" : recipe.base;
    if (at.part == Part::ffn_down && recipe.name == "iq3_m" && type == recipe.base &&
        more_bits(at.index, at.count)) {
        return "q4_k";
    }
    return type;
}

bool fits(const TypeInfo& type, std::uint64_t row) {
    return row % type.block_elements == 0;
}

// Types of blocks of 32 that take about as many bits.
std::string_view fallback_of(std::string_view type) {
    struct Fallback {
        std::string_view from, to;
    };
    constexpr Fallback fallbacks[] = {
        {"iq1_s", "iq4_nl"}, {"iq1_m", "iq4_nl"},   {"iq2_xxs", "iq4_nl"}, {"iq2_xs", "iq4_nl"},
        {"iq2_s", "iq4_nl"}, {"iq3_xxs", "iq4_nl"}, {"iq3_s", "iq4_nl"},   {"iq4_xs", "iq4_nl"},
        {"q2_k", "q4_0"},    {"q3_k", "q4_0"},      {"tq1_0", "q4_0"},     {"tq2_0", "q4_0"},
        {"q2_0", "q4_0"},    {"q4_k", "q5_0"},      {"q5_k", "q5_1"},      {"q6_k", "q8_0"},
    };
    const auto* found = std::ranges::find(fallbacks, type, &Fallback::from);
    return found == std::end(fallbacks) ? std::string_view{} : found->to;
}

Result<Decision> fit_row(std::string_view wanted, const TensorShape& tensor) {
    const std::uint64_t row = tensor.dims[0];
    const TypeInfo* type = find_type(wanted);
    if (fits(*type, row)) return Decision{type, false};
    const TypeInfo* instead = find_type(fallback_of(wanted));
    if (instead == nullptr) {
        return fail(ErrorCode::usage,
                    "tensor '{}': its rows of {} elements are no multiple of {}, the block of {}, and the "
                    "recipe has nothing else for it; choose a type with --tensor",
                    printable(tensor.name), row, type->block_elements, type->name);
    }
    if (fits(*instead, row)) return Decision{instead, true};
    return Decision{find_type("f16"), true};
}

// Tensors whose type the rules cannot know from a name alone.
class Decider {
  public:
    Decider(const Recipe& recipe, const ModelShape& model, bool with_importance)
        : recipe_(recipe), model_(model), with_importance_(with_importance) {
        for (const TensorShape& tensor : model.tensors) {
            if (part_of(tensor.name) == Part::attn_v) attn_v_count_++;
            if (tensor.name == "output.weight") has_output_ = true;
        }
    }

    Result<Decision> operator()(const TensorShape& tensor) {
        const Position at = next_position(tensor.name);
        if (!is_quantized(tensor)) return Decision{};
        return fit_row(wanted(tensor, at), tensor);
    }

  private:
    Position next_position(const std::string& name) {
        const Part part = part_of(name);
        if (part == Part::attn_v) return {part, attn_v_index_++, attn_v_count_};
        std::uint64_t& index = index_[static_cast<std::size_t>(part)];
        const std::uint64_t counted = index++;
        // A layer of experts may have several tensors of a part.
        const std::uint64_t layer = model_.experts > 1 ? layer_in(name).value_or(counted) : counted;
        return {part, layer, model_.layers};
    }

    std::string_view wanted(const TensorShape& tensor, const Position& at) const {
        if (is_plain(*find_type(recipe_.base))) return recipe_.base;
        const bool is_output = tensor.name == (has_output_ ? "output.weight" : "token_embd.weight");
        if (is_output) {
            const bool base_fits = fits(*find_type(recipe_.base), tensor.dims[0]);
            return base_fits ? recipe_.output : "q8_0";
        }
        if (recipe_.name == "mxfp4_moe")
            return tensor.dims.size() == 3 && tensor.dims[2] > 1 ? "mxfp4" : "q8_0";
        std::string_view type = by_rules(recipe_, at, model_, with_importance_);
        if (model_.experts == 8) type = for_eight_experts(recipe_, at, type);
        const bool llama_70b = model_.layers == 80 && model_.heads != model_.kv_heads;
        const bool low = recipe_.eight_experts == EightExperts::attn_k_q4_k;
        if (llama_70b && !low && at.part == Part::attn_v && (type == "q3_k" || type == "q4_k")) return "q5_k";
        return type;
    }

    const Recipe& recipe_;
    const ModelShape& model_;
    bool with_importance_;
    bool has_output_ = false;
    std::uint64_t attn_v_count_ = 0, attn_v_index_ = 0;
    std::array<std::uint64_t, 9> index_{};
};

std::uint64_t count_of(const GgufFile& file, std::string_view suffix) {
    const GgufKey* architecture = file.find_key("general.architecture");
    const auto name = architecture ? convert<std::string_view>(architecture->value) : std::nullopt;
    if (!name) return 0;
    const GgufKey* key = file.find_key(fmt::format("{}.{}", *name, suffix));
    if (key == nullptr) return 0;
    if (const auto* array = std::get_if<GgufArray>(&key->value))
        return array->count() == 0 ? 0 : convert<std::uint64_t>(*array->begin()).value_or(0);
    return convert<std::uint64_t>(key->value).value_or(0);
}

}  // namespace

const Recipe* find_recipe(std::string_view name) {
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    for (const std::string_view alias : {"q3_k", "q4_k", "q5_k"})
        if (lower == alias) lower += "_m";
    const auto found = std::ranges::find(recipes(), lower, &Recipe::name);
    return found == recipes().end() ? nullptr : &*found;
}

std::string recipe_names() {
    std::vector<std::string_view> names;
    for (const Recipe& recipe : recipes()) names.push_back(recipe.name);
    return fmt::format("{}", fmt::join(names, ", "));
}

TensorShape TensorShape::of(std::string_view name, std::span<const std::uint64_t> dims) {
    while (dims.size() > 1 && dims.back() == 1) dims = dims.first(dims.size() - 1);
    return {std::string(name), {dims.begin(), dims.end()}};
}

ModelShape model_shape(const GgufFile& file) {
    ModelShape shape;
    for (const GgufTensor& tensor : file.tensors())
        shape.tensors.push_back(TensorShape::of(tensor.name, tensor.dims));
    shape.layers = count_of(file, "block_count");
    shape.heads = count_of(file, "attention.head_count");
    shape.kv_heads = count_of(file, "attention.head_count_kv");
    if (shape.kv_heads == 0) shape.kv_heads = shape.heads;
    shape.experts = count_of(file, "expert_count");
    return shape;
}

bool is_quantized(const TensorShape& tensor) {
    constexpr std::string_view kept[] = {
        "_norm.weight",
        "ffn_gate_inp.weight",
        "position_embd.weight",
        "token_types.weight",
        "ssm_conv1d",
        "shortconv.conv.weight",
        "time_mix_",
        "attn_rel_b.weight",
        "altup",
        "laurel",
        "per_layer_model_proj",
        "patch_embd",
        "position_embedding",
        "v.position",
    };
    if (tensor.dims.size() < 2 || !ends_with_weight(tensor.name)) return false;
    return std::ranges::none_of(
        kept, [&](std::string_view piece) { return tensor.name.find(piece) != std::string::npos; });
}

Result<std::vector<Decision>> decide(const Recipe& recipe, const ModelShape& model, bool with_importance) {
    Decider decider(recipe, model, with_importance);
    std::vector<Decision> decisions;
    for (const TensorShape& tensor : model.tensors) {
        TUFF_TRY(decision, decider(tensor));
        decisions.push_back(decision);
    }
    return decisions;
}

}  // namespace tuff
