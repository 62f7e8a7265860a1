#include "backend/model/gguf_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "backend/printable.hpp"

namespace tuff {
namespace {

namespace limits = model_limits;

// Layer N slides if N % period < period - 1, where neither the file nor this list says otherwise.
struct SlidingPeriod {
    std::string_view architecture;
    std::uint64_t period;
};
constexpr SlidingPeriod kSlidingPeriods[] = {
    {"gemma2", 2},  {"gemma3", 6},  {"gemma3n", 5}, {"gpt-oss", 2},
    {"cohere2", 4}, {"exaone4", 4}, {"olmo2", 4},
};

class Reader {
  public:
    explicit Reader(const GgufFile& file) : file_(file) {}

    Result<Model> read() {
        TUFF_CHECK(what_it_is());
        Hyperparameters& s = model_.shape;
        TUFF_TRY(layers, number("block_count", limits::layers, std::nullopt));
        s.layers.resize(layers);
        TUFF_TRY(embedding, number("embedding_length", limits::width, std::nullopt));
        s.embedding = embedding;
        TUFF_TRY(positions, number("context_length", limits::positions, std::nullopt));
        s.positions = positions;
        copy_tensors();
        TUFF_CHECK(vocabulary());
        TUFF_CHECK(attention());
        TUFF_CHECK(windows());
        TUFF_CHECK(sharing());
        TUFF_CHECK(experts());
        TUFF_CHECK(states());
        TUFF_CHECK(check_shape(s));
        return std::move(model_);
    }

  private:
    [[nodiscard]] std::string key(std::string_view name) const {
        return fmt::format("{}.{}", model_.shape.architecture, name);
    }

    Result<void> what_it_is() {
        TUFF_TRY(architecture, file_.get<std::string_view>("general.architecture"));
        model_.shape.architecture = architecture;
        model_.shape.name = file_.name();
        TUFF_TRY(type, file_.find<std::string_view>("general.type"));
        if (type && *type != "model")
            return fail(ErrorCode::unsupported, "{}: 'general.type' is '{}', not a model", file_.name(),
                        printable(*type));
        TUFF_TRY(parts, file_.find<std::uint64_t>("split.count"));
        if (parts && *parts > 1)
            return fail(ErrorCode::unsupported,
                        "{}: one of {} parts of a model ('split.count'); merge them into one file",
                        file_.name(), *parts);
        return {};
    }

    // One number; nullopt as fallback: it has to be there. A fallback is not checked.
    Result<std::uint64_t> number(std::string_view name, std::uint64_t most,
                                 std::optional<std::uint64_t> fallback) {
        TUFF_TRY(value, file_.find<std::uint64_t>(key(name)));
        if (!value && fallback) return *fallback;
        if (!value) return fail(ErrorCode::malformed, "{}: '{}' is missing", file_.name(), key(name));
        if (*value > most || (!fallback && *value == 0))
            return fail(ErrorCode::malformed, "{}: '{}' is {}, not between {} and {}", file_.name(),
                        key(name), *value, fallback ? 0 : 1, most);
        return *value;
    }

    // A number for each layer: an array of them, or one for all.
    Result<std::vector<std::uint64_t>> per_layer(std::string_view name, std::uint64_t most,
                                                 std::optional<std::uint64_t> fallback) {
        const std::size_t layers = model_.shape.layers.size();
        const GgufKey* entry = file_.find_key(key(name));
        if (!entry || type_of(entry->value) != GgufType::array) {
            TUFF_TRY(one, number(name, most, fallback));
            return std::vector<std::uint64_t>(layers, one);
        }
        TUFF_TRY(array, file_.get<GgufArray>(key(name)));
        if (array.count() != layers)
            return fail(ErrorCode::malformed, "{}: '{}' has {} numbers for {} layers", file_.name(),
                        key(name), array.count(), layers);
        std::vector<std::uint64_t> values;
        for (const GgufValue& value : array) {
            auto one = convert<std::uint64_t>(value);
            if (const auto truth = convert<bool>(value)) one = *truth ? 1 : 0;
            if (!one || *one > most)
                return fail(ErrorCode::malformed, "{}: '{}' has {}, not a number from 0 to {}", file_.name(),
                            key(name), to_text(value), most);
            values.push_back(*one);
        }
        return values;
    }

    void copy_tensors() {
        for (const GgufTensor& tensor : file_.tensors()) {
            model_.tensors.push_back({std::string(tensor.name), tensor.dims, tensor.n_dims, tensor.type});
            names_.insert(tensor.name);
        }
    }
    [[nodiscard]] bool has(std::size_t layer, std::string_view part) const {
        return names_.contains(fmt::format("blk.{}.{}", layer, part));
    }
    [[nodiscard]] bool keeps_state(std::size_t layer) const {
        return has(layer, "ssm_out.weight") || has(layer, "time_mix_output.weight") ||
               has(layer, "shortconv.out_proj.weight");
    }

    Result<void> vocabulary() {
        const GgufTensor* embedding = file_.find_tensor("token_embd.weight");
        if (!embedding)
            return fail(ErrorCode::malformed, "{}: the tensor 'token_embd.weight' is missing", file_.name());
        model_.shape.vocabulary = embedding->dims[1];
        model_.shape.tied_embeddings = file_.find_tensor("output.weight") == nullptr;
        if (embedding->dims[1] == 0 || embedding->dims[1] > limits::vocabulary)
            return fail(ErrorCode::malformed, "{}: 'token_embd.weight' has {} rows, not between 1 and {}",
                        file_.name(), embedding->dims[1], limits::vocabulary);
        return {};
    }

    Result<void> attention() {
        Hyperparameters& s = model_.shape;
        TUFF_TRY(heads, per_layer("attention.head_count", limits::heads, std::nullopt));
        const std::uint64_t most_heads = *std::ranges::max_element(heads);
        const std::uint64_t usual_size = s.embedding / std::max<std::uint64_t>(most_heads, 1);
        TUFF_TRY(key_size, number("attention.key_length", limits::head_size, usual_size));
        TUFF_TRY(value_size, number("attention.value_length", limits::head_size, usual_size));
        TUFF_TRY(latent, number("attention.kv_lora_rank", limits::width, 0));
        TUFF_TRY(rotated, number("rope.dimension_count", limits::head_size, latent > 0 ? 64 : 0));
        for (std::size_t i = 0; i < s.layers.size(); i++) s.layers[i].heads = heads[i];
        TUFF_TRY(kv_heads, kv_head_counts(heads));
        s.stated_heads = heads[0];
        s.stated_kv_heads = kv_heads[0];
        for (std::size_t i = 0; i < s.layers.size(); i++) {
            LayerShape& layer = s.layers[i];
            layer.key_bias = has(i, "attn_k.bias") || has(i, "attn_qkv.bias");
            const bool fused_into_state = keeps_state(i) && !has(i, "attn_k.weight");
            if (kv_heads[i] == 0 || fused_into_state) {
                layer.heads = 0;
            } else if (latent > 0) {
                layer.kv_heads = 1;
                layer.latent_size = latent;
                layer.key_size = latent + rotated;
            } else {
                layer.kv_heads = kv_heads[i];
                layer.key_size = key_size;
                layer.value_size = value_size;
            }
        }
        return {};
    }

    Result<std::vector<std::uint64_t>> kv_head_counts(const std::vector<std::uint64_t>& heads) {
        if (file_.find_key(key("attention.head_count_kv")))
            return per_layer("attention.head_count_kv", limits::heads, 0);
        return heads;
    }

    Result<void> windows() {
        Hyperparameters& s = model_.shape;
        const std::uint64_t usual = s.architecture == "gemma2" ? 4096 : 0;
        TUFF_TRY(window, number("attention.sliding_window", limits::positions, usual));
        if (window == 0 || s.architecture == "phi3") return {};  // the reference computes phi3 without it
        const GgufKey* pattern = file_.find_key(key("attention.sliding_window_pattern"));
        const auto* known = std::ranges::find(kSlidingPeriods, s.architecture, &SlidingPeriod::architecture);
        TUFF_TRY(small_keys, number("attention.key_length_swa", limits::head_size, 0));
        TUFF_TRY(small_values, number("attention.value_length_swa", limits::head_size, 0));
        std::vector<std::uint64_t> slides(s.layers.size(), 0);
        if (pattern && type_of(pattern->value) == GgufType::array) {
            TUFF_TRY(told, per_layer("attention.sliding_window_pattern", 1, 0));
            slides = std::move(told);
        } else if (pattern || known != std::end(kSlidingPeriods)) {
            const std::uint64_t fallback = known != std::end(kSlidingPeriods) ? known->period : 1;
            TUFF_TRY(period, number("attention.sliding_window_pattern", limits::layers, fallback));
            for (std::size_t i = 0; i < slides.size() && period > 0; i++)
                slides[i] = period == 1 || i % period < period - 1 ? 1 : 0;
        } else {
            model_.notes.push_back(fmt::format(
                "'{}' is {}, but which layers slide is not known for {}: all are planned without a window",
                key("attention.sliding_window"), window, printable(s.architecture)));
        }
        for (std::size_t i = 0; i < slides.size(); i++) {
            LayerShape& layer = s.layers[i];
            if (slides[i] == 0 || layer.kv_heads == 0) continue;
            layer.window = window;
            if (small_keys > 0 && layer.latent_size == 0) layer.key_size = small_keys;
            if (small_values > 0 && layer.latent_size == 0) layer.value_size = small_values;
        }
        return {};
    }

    // The last layers of some models read the caches of earlier ones.
    Result<void> sharing() {
        std::vector<LayerShape>& layers = model_.shape.layers;
        TUFF_TRY(shared, number("attention.shared_kv_layers", limits::layers, 0));
        if (shared >= layers.size())
            return fail(ErrorCode::malformed, "{}: '{}' is {} of {} layers", file_.name(),
                        key("attention.shared_kv_layers"), shared, layers.size());
        for (std::size_t i = layers.size() - shared; i < layers.size(); i++) layers[i].owns_cache = false;
        return {};
    }

    Result<void> experts() {
        TUFF_TRY(count, number("expert_count", limits::experts, 0));
        model_.shape.stated_experts = count;
        if (count == 0) return {};
        TUFF_TRY(used, number("expert_used_count", limits::experts, std::nullopt));
        for (std::size_t i = 0; i < model_.shape.layers.size(); i++) {
            if (!has(i, "ffn_gate_inp.weight")) continue;
            model_.shape.layers[i].experts = count;
            model_.shape.layers[i].experts_used = used;
        }
        return {};
    }

    // What a recurrent layer keeps of a sequence: the inputs of its convolution, and its state.
    Result<void> states() {
        constexpr std::uint64_t kKernel = 64;
        TUFF_TRY(kernel, number("ssm.conv_kernel", kKernel, 0));
        TUFF_TRY(inner, number("ssm.inner_size", limits::width, 0));
        TUFF_TRY(state, number("ssm.state_size", limits::head_size, 0));
        TUFF_TRY(groups, number("ssm.group_count", limits::heads, 0));
        for (std::size_t i = 0; i < model_.shape.layers.size(); i++)
            if (keeps_state(i) && kernel > 0)
                model_.shape.layers[i].state_floats =
                    (kernel - 1) * (inner + 2 * groups * state) + inner * state;
        return {};
    }

    const GgufFile& file_;
    Model model_;
    std::unordered_set<std::string_view> names_;
};

}  // namespace

Result<Model> gguf_model(const GgufFile& file) {
    return Reader(file).read();
}

}  // namespace tuff
