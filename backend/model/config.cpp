#include "backend/model/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include "backend/model/config_tensors.hpp"
#include "backend/model/config_values.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

using Json = nlohmann::json;
namespace limits = model_limits;

// How far an architecture departs from llama. Defaults are those of transformers, for keys that published
// files leave out.
struct Traits {
    bool qkv_bias = false, qk_norms = false, tied = false, norms_after = false, fused = false, sinks = false;
    std::uint64_t head_size = 0;  // 0: embedding / heads
    std::uint64_t window_period =
        0;  // layers slide but every so manieth, 1: all; 0: none unless the file says so
};
struct Architecture {
    std::string_view model_type, gguf;
    Traits traits;
};

constexpr Traits kGemma3{
    .qk_norms = true, .tied = true, .norms_after = true, .head_size = 256, .window_period = 6};

constexpr Architecture kArchitectures[] = {
    {"llama", "llama", {}},
    {"mistral", "llama", {.window_period = 1}},
    {"mixtral", "llama", {.window_period = 1}},
    {"smollm3", "smollm3", {.tied = true}},
    {"granite", "granite", {}},
    {"qwen2", "qwen2", {.qkv_bias = true}},
    {"qwen2_moe", "qwen2moe", {.qkv_bias = true}},
    {"qwen3", "qwen3", {.qk_norms = true, .head_size = 128}},
    {"qwen3_moe", "qwen3moe", {.qk_norms = true, .head_size = 128}},
    {"qwen3_next", "qwen3next", {.qk_norms = true, .head_size = 256}},
    {"gemma", "gemma", {.tied = true, .head_size = 256}},
    {"gemma2", "gemma2", {.tied = true, .norms_after = true, .head_size = 256, .window_period = 2}},
    {"gemma3", "gemma3", kGemma3},
    {"gemma3_text", "gemma3", kGemma3},
    {"phi3", "phi3", {.fused = true}},
    {"deepseek_v2", "deepseek2", {}},
    {"deepseek_v3", "deepseek2", {}},
    {"kimi_k2", "deepseek2", {}},
    {"gpt_oss", "gpt-oss", {.qkv_bias = true, .sinks = true, .head_size = 64, .window_period = 2}},
};

// How deep brackets nest; parsers and printers of JSON are recursive.
bool nests_deeper(std::string_view json, int most) {
    int depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); i++) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') i++;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > most) return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

class Reader {
  public:
    Reader(ConfigValues values, const Architecture& architecture, std::string name)
        : v_(std::move(values)), a_(architecture) {
        model_.shape.name = std::move(name);
        model_.shape.architecture = a_.gguf;
    }

    Result<Model> read() {
        sizes();
        feed_forward();
        if (a_.gguf == "deepseek2") latent();
        if (a_.gguf == "qwen3next") linear();
        rope();
        TUFF_CHECK(v_.checked());
        kinds();
        TUFF_CHECK(v_.checked());
        layers();
        TUFF_CHECK(check_shape(model_.shape));
        model_.tensors = config_tensors(model_.shape, d_);
        return std::move(model_);
    }

  private:
    void sizes() {
        Hyperparameters& s = model_.shape;
        const bool gemma3 = a_.gguf == "gemma3";
        const auto either = [&](std::string_view key, std::uint64_t fallback, std::uint64_t most) {
            return gemma3 ? v_.optional(key, fallback, most) : v_.required(key, most);
        };
        layer_count_ = v_.required("num_hidden_layers", limits::layers);
        s.embedding = v_.required("hidden_size", limits::width);
        s.vocabulary = either("vocab_size", 262208, limits::vocabulary);
        s.positions = either("max_position_embeddings", 131072, limits::positions);
        heads_ = either("num_attention_heads", 8, limits::heads);
        kv_heads_ = v_.optional("num_key_value_heads", gemma3 ? 4 : heads_, limits::heads);
        s.tied_embeddings = v_.flag("tie_word_embeddings", a_.traits.tied);
        d_.head_size = v_.optional("head_dim", a_.traits.head_size, limits::head_size, 0);
        if (d_.head_size == 0 && a_.gguf != "deepseek2") {
            if (s.embedding % heads_ != 0)
                v_.refuse(
                    "'hidden_size' {} is no multiple of 'num_attention_heads' {}, and 'head_dim' is missing",
                    s.embedding, heads_);
            d_.head_size = s.embedding / heads_;
        }
        const bool bias = v_.flag("attention_bias", a_.traits.sinks);
        d_.qkv_bias = a_.traits.qkv_bias || bias;
        d_.output_bias = bias;
        d_.feed_forward_bias = v_.flag("mlp_bias", false);
        d_.qk_norms = a_.traits.qk_norms;
        d_.norms_after = a_.traits.norms_after;
        d_.fused = a_.traits.fused;
        d_.sinks = d_.expert_bias = a_.traits.sinks;
    }

    std::uint64_t first_of(std::initializer_list<std::string_view> keys, std::uint64_t fallback,
                           std::uint64_t most) {
        for (const std::string_view key : keys)
            if (v_.has(key)) return v_.optional(key, fallback, most, 0);
        return fallback;
    }

    void feed_forward() {
        d_.feed_forward = v_.required("intermediate_size", limits::width);
        d_.experts = first_of({"n_routed_experts", "num_local_experts", "num_experts"}, 0, limits::experts);
        d_.has_experts.assign(layer_count_, d_.experts > 0);
        if (d_.experts == 0) return;
        d_.experts_used = first_of({"num_experts_per_tok", "experts_per_token"}, 0, limits::experts);
        if (d_.experts_used == 0) v_.refuse("'num_experts_per_tok' is missing, with {} experts", d_.experts);
        d_.expert_feed_forward = v_.optional("moe_intermediate_size", d_.feed_forward, limits::width);
        d_.shared_feed_forward =
            v_.optional("n_shared_experts", 0, limits::experts, 0) * d_.expert_feed_forward;
        d_.shared_feed_forward =
            v_.optional("shared_expert_intermediate_size", d_.shared_feed_forward, limits::width, 0);
        d_.gated_shared_expert = a_.gguf == "qwen2moe" || a_.gguf == "qwen3next";
        d_.selection_bias = a_.model_type == "deepseek_v3" || a_.model_type == "kimi_k2";

        const std::uint64_t dense_first = v_.optional("first_k_dense_replace", 0, limits::layers, 0);
        const std::uint64_t step = v_.optional(
            "decoder_sparse_step", v_.optional("moe_layer_freq", 1, limits::layers), limits::layers);
        const std::vector<std::uint64_t> dense = v_.numbers("mlp_only_layers", limits::layers);
        for (std::uint64_t i = 0; i < layer_count_; i++) {
            const bool of_step = a_.gguf == "deepseek2" ? i % step == 0 : (i + 1) % step == 0;
            d_.has_experts[i] = i >= dense_first && of_step && std::ranges::find(dense, i) == dense.end();
        }
    }

    void latent() {
        d_.latent.kv_rank = v_.required("kv_lora_rank", limits::width);
        d_.latent.q_rank = v_.optional("q_lora_rank", 0, limits::width, 0);
        d_.latent.nope_size = v_.required("qk_nope_head_dim", limits::head_size);
        d_.latent.rope_size = v_.required("qk_rope_head_dim", limits::head_size);
        d_.latent.value_size = v_.required("v_head_dim", limits::head_size);
        if (v_.optional("num_nextn_predict_layers", 0, limits::layers, 0) > 0)
            model_.notes.push_back("the layers that predict further tokens are not counted");
    }

    void linear() {
        d_.linear.key_heads = v_.required("linear_num_key_heads", limits::heads);
        d_.linear.value_heads = v_.required("linear_num_value_heads", limits::heads);
        d_.linear.key_size = v_.required("linear_key_head_dim", limits::head_size);
        d_.linear.value_size = v_.required("linear_value_head_dim", limits::head_size);
        d_.linear.kernel = v_.required("linear_conv_kernel_dim", 64);
        d_.gated_queries = true;
    }

    void rope() {
        ConfigValues scaling = v_.object("rope_scaling");
        std::string type = scaling.text("rope_type");
        if (type.empty()) type = scaling.text("type");
        if (const Result<void> right = scaling.checked(); !right) v_.refuse("{}", right.error().message);
        const double rotated = v_.optional_fraction("partial_rotary_factor", 1);
        const auto pairs = static_cast<std::uint64_t>(static_cast<double>(d_.head_size) * rotated) / 2;
        if (type == "llama3") d_.rope_freqs = pairs;
        if (type == "longrope" || type == "su") d_.rope_factors = pairs;
    }

    // Which layers slide or keep a state: said layer by layer in newer files, by a rule in older ones.
    void kinds() {
        const bool switched_off = !v_.flag("use_sliding_window", !a_.gguf.starts_with("qwen"));
        d_.window = v_.optional("sliding_window", a_.gguf == "gemma2" ? 4096 : 0, limits::positions, 0);
        // The reference computes phi3 without its window.
        if (switched_off || a_.gguf == "phi3") d_.window = 0;
        d_.kinds.assign(layer_count_, LayerKind::full);
        if (const auto named = v_.texts("layer_types")) {
            named_kinds(*named);
        } else if (a_.gguf == "qwen3next") {
            every_nth_full(v_.optional("full_attention_interval", 4, limits::layers), LayerKind::linear);
        } else if (a_.gguf.starts_with("qwen")) {
            const std::uint64_t from = v_.optional("max_window_layers", 28, limits::layers, 0);
            for (std::uint64_t i = from; i < layer_count_ && d_.window > 0; i++)
                d_.kinds[i] = LayerKind::sliding;
        } else if (d_.window > 0 && a_.traits.window_period > 0) {
            every_nth_full(v_.optional("sliding_window_pattern", a_.traits.window_period, limits::layers),
                           LayerKind::sliding);
        }
        if (d_.window == 0 && std::ranges::find(d_.kinds, LayerKind::sliding) != d_.kinds.end() &&
            !switched_off)
            v_.refuse("'layer_types' has sliding layers, but 'sliding_window' is missing");
    }

    void named_kinds(const std::vector<std::string>& names) {
        if (names.size() != layer_count_) {
            v_.refuse("'layer_types' names {} layers of {}", names.size(), layer_count_);
            return;
        }
        for (std::size_t i = 0; i < names.size(); i++) {
            if (names[i] == "sliding_attention")
                d_.kinds[i] = LayerKind::sliding;
            else if (names[i] == "linear_attention" && d_.linear.kernel > 0)
                d_.kinds[i] = LayerKind::linear;
            else if (names[i] != "full_attention")
                v_.refuse("'layer_types' has '{}', which is not known for {}", printable(names[i], 40),
                          a_.model_type);
        }
    }

    // Period 1: no layer is full.
    void every_nth_full(std::uint64_t period, LayerKind others) {
        for (std::uint64_t i = 0; i < layer_count_; i++)
            if (period == 1 || i % period != period - 1) d_.kinds[i] = others;
    }

    void layers() {
        Hyperparameters& s = model_.shape;
        s.stated_heads = heads_;
        s.stated_kv_heads = d_.latent.kv_rank > 0 ? 1 : kv_heads_;
        s.stated_experts = d_.experts;
        for (std::uint64_t i = 0; i < layer_count_; i++) {
            LayerShape layer;
            if (d_.kinds[i] == LayerKind::linear) {
                layer.state_floats = d_.linear.state_floats();
            } else if (d_.latent.kv_rank > 0) {
                layer.heads = heads_;
                layer.kv_heads = 1;
                layer.key_size = d_.latent.kv_rank + d_.latent.rope_size;
                layer.latent_size = d_.latent.kv_rank;
            } else {
                layer.heads = heads_;
                layer.kv_heads = kv_heads_;
                layer.key_size = layer.value_size = d_.head_size;
                layer.key_bias = d_.qkv_bias;
                if (d_.kinds[i] == LayerKind::sliding) layer.window = d_.window;
            }
            if (d_.has_experts[i]) {
                layer.experts = d_.experts;
                layer.experts_used = d_.experts_used;
            }
            s.layers.push_back(layer);
        }
    }

    ConfigValues v_;
    const Architecture& a_;
    Model model_;
    ConfigDetails d_;
    std::uint64_t layer_count_ = 0, heads_ = 1, kv_heads_ = 1;
};

const Architecture* find_architecture(std::string_view model_type) {
    const auto* found = std::ranges::find(kArchitectures, model_type, &Architecture::model_type);
    return found == std::end(kArchitectures) ? nullptr : found;
}

}  // namespace

std::string config_architectures() {
    std::vector<std::string_view> names;
    for (const Architecture& one : kArchitectures) names.push_back(one.model_type);
    return fmt::format("{}", fmt::join(names, ", "));
}

Result<Model> parse_config(std::string_view json, std::string_view name) {
    const std::string shown = printable(name);
    if (json.size() > kMaxConfigBytes)
        return fail(ErrorCode::malformed, "{}: more than {} bytes, which no config.json has", shown,
                    kMaxConfigBytes);
    constexpr int kDeepest = 32;
    if (nests_deeper(json, kDeepest))
        return fail(ErrorCode::malformed, "{}: nested deeper than {} levels", shown, kDeepest);
    const Json root = Json::parse(json, nullptr, false);
    if (root.is_discarded()) return fail(ErrorCode::malformed, "{}: not valid JSON", shown);
    if (!root.is_object()) return fail(ErrorCode::malformed, "{}: not a JSON object", shown);

    // Models that also see or hear keep the language model's part apart.
    const auto text = root.find("text_config");
    const bool nested = text != root.end() && text->is_object();
    ConfigValues outer(root, shown), values(nested ? *text : root, shown, nested ? "text_config." : "");
    std::string type = values.text("model_type");
    if (type.empty()) type = outer.text("model_type");
    TUFF_CHECK(values.checked());
    TUFF_CHECK(outer.checked());
    if (type.empty()) return fail(ErrorCode::malformed, "{}: 'model_type' is missing", shown);
    const Architecture* architecture = find_architecture(type);
    if (!architecture)
        return fail(ErrorCode::unsupported,
                    "{}: 'model_type' {} is not known; known are: {}. A GGUF file works "
                    "for any architecture (--model)",
                    shown, printable(type, 40), config_architectures());
    TUFF_TRY(model, Reader(std::move(values), *architecture, shown).read());
    if (nested) model.notes.push_back("only the language model is counted, not what sees or hears");
    return std::move(model);
}

Result<Model> read_config(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(ErrorCode::io, "{}: cannot be opened", printable(path));
    std::string json(kMaxConfigBytes + 1, '\0');
    file.read(json.data(), static_cast<std::streamsize>(json.size()));
    if (file.bad() || (file.gcount() == 0 && !file.eof()))
        return fail(ErrorCode::io, "{}: cannot be read", printable(path));
    json.resize(static_cast<std::size_t>(file.gcount()));
    return parse_config(json, path);
}

}  // namespace tuff
