#include "backend/model/config_tensors.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace tuff {
namespace {

class Builder {
  public:
    Builder(const Hyperparameters& shape, const ConfigDetails& details) : s_(shape), d_(details) {}

    std::vector<ModelTensor> build() {
        add("token_embd.weight", {s_.embedding, s_.vocabulary});
        if (d_.rope_freqs > 0) add("rope_freqs.weight", {d_.rope_freqs});
        if (d_.rope_factors > 0) {
            add("rope_factors_long.weight", {d_.rope_factors});
            add("rope_factors_short.weight", {d_.rope_factors});
        }
        for (layer_ = 0; layer_ < s_.layers.size(); layer_++) {
            in_layer("attn_norm.weight", {s_.embedding});
            if (d_.kinds[layer_] == LayerKind::linear)
                linear_attention();
            else if (d_.latent.kv_rank > 0)
                latent_attention();
            else
                attention();
            norms();
            if (d_.has_experts[layer_])
                experts();
            else
                feed_forward();
        }
        add("output_norm.weight", {s_.embedding});
        if (!s_.tied_embeddings) add("output.weight", {s_.embedding, s_.vocabulary});
        return std::move(tensors_);
    }

  private:
    using Dims = std::initializer_list<std::uint64_t>;

    void add(std::string name, Dims dims) {
        ModelTensor tensor;
        tensor.name = std::move(name);
        for (const std::uint64_t dim : dims) tensor.dims[tensor.n_dims++] = dim;
        tensors_.push_back(std::move(tensor));
    }
    void in_layer(std::string_view name, Dims dims) { add(fmt::format("blk.{}.{}", layer_, name), dims); }

    // A matrix, or a stack of them, and its bias.
    void matrix(std::string_view name, Dims dims, bool bias) {
        in_layer(fmt::format("{}.weight", name), dims);
        if (!bias) return;
        ModelTensor of_rows = tensors_.back();
        of_rows.name.replace(of_rows.name.rfind(".weight"), std::string::npos, ".bias");
        for (std::uint32_t i = 1; i < of_rows.n_dims; i++) of_rows.dims[i - 1] = of_rows.dims[i];
        of_rows.dims[--of_rows.n_dims] = 1;
        tensors_.push_back(std::move(of_rows));
    }

    void attention() {
        const LayerShape& layer = s_.layers[layer_];
        const std::uint64_t size = d_.head_size, queries = layer.heads * size, keys = layer.kv_heads * size;
        if (d_.fused) {
            matrix("attn_qkv", {s_.embedding, queries + 2 * keys}, d_.qkv_bias);
        } else {
            matrix("attn_q", {s_.embedding, d_.gated_queries ? 2 * queries : queries}, d_.qkv_bias);
            matrix("attn_k", {s_.embedding, keys}, d_.qkv_bias);
            matrix("attn_v", {s_.embedding, keys}, d_.qkv_bias);
        }
        matrix("attn_output", {queries, s_.embedding}, d_.output_bias);
        if (d_.qk_norms) {
            in_layer("attn_q_norm.weight", {size});
            in_layer("attn_k_norm.weight", {size});
        }
        if (d_.sinks) in_layer("attn_sinks.weight", {layer.heads});
    }

    void latent_attention() {
        const LatentAttention& l = d_.latent;
        const std::uint64_t heads = s_.layers[layer_].heads, queries = heads * (l.nope_size + l.rope_size);
        if (l.q_rank > 0) {
            in_layer("attn_q_a.weight", {s_.embedding, l.q_rank});
            in_layer("attn_q_a_norm.weight", {l.q_rank});
            in_layer("attn_q_b.weight", {l.q_rank, queries});
        } else {
            in_layer("attn_q.weight", {s_.embedding, queries});
        }
        in_layer("attn_kv_a_mqa.weight", {s_.embedding, l.kv_rank + l.rope_size});
        in_layer("attn_kv_a_norm.weight", {l.kv_rank});
        in_layer("attn_k_b.weight", {l.nope_size, l.kv_rank, heads});
        in_layer("attn_v_b.weight", {l.kv_rank, l.value_size, heads});
        in_layer("attn_output.weight", {heads * l.value_size, s_.embedding});
    }

    void linear_attention() {
        const LinearAttention& l = d_.linear;
        const std::uint64_t values = l.value_heads * l.value_size;
        in_layer("attn_qkv.weight", {s_.embedding, l.convolved()});
        in_layer("attn_gate.weight", {s_.embedding, values});
        in_layer("ssm_conv1d.weight", {l.kernel, l.convolved()});
        in_layer("ssm_dt.bias", {l.value_heads});
        in_layer("ssm_a", {l.value_heads});
        in_layer("ssm_ba.weight", {s_.embedding, 2 * l.value_heads});
        in_layer("ssm_norm.weight", {l.value_size});
        in_layer("ssm_out.weight", {values, s_.embedding});
    }

    // What stands between attention and feed-forward: some architectures name their only norm there after the
    // attention, which changes nothing for its size.
    void norms() {
        if (d_.norms_after) {
            in_layer("post_attention_norm.weight", {s_.embedding});
            in_layer("post_ffw_norm.weight", {s_.embedding});
        }
        in_layer(d_.sinks || d_.linear.kernel > 0 ? "post_attention_norm.weight" : "ffn_norm.weight",
                 {s_.embedding});
    }

    void feed_forward() {
        const std::uint64_t width = d_.feed_forward;
        if (!d_.fused) matrix("ffn_gate", {s_.embedding, width}, d_.feed_forward_bias);
        matrix("ffn_up", {s_.embedding, d_.fused ? 2 * width : width}, d_.feed_forward_bias);
        matrix("ffn_down", {width, s_.embedding}, d_.feed_forward_bias);
    }

    void experts() {
        const std::uint64_t count = d_.experts, width = d_.expert_feed_forward,
                            shared = d_.shared_feed_forward;
        matrix("ffn_gate_inp", {s_.embedding, count}, d_.expert_bias);
        if (d_.selection_bias) in_layer("exp_probs_b.bias", {count});
        matrix("ffn_gate_exps", {s_.embedding, width, count}, d_.expert_bias);
        matrix("ffn_up_exps", {s_.embedding, width, count}, d_.expert_bias);
        matrix("ffn_down_exps", {width, s_.embedding, count}, d_.expert_bias);
        if (shared == 0) return;
        if (d_.gated_shared_expert) in_layer("ffn_gate_inp_shexp.weight", {s_.embedding});
        in_layer("ffn_gate_shexp.weight", {s_.embedding, shared});
        in_layer("ffn_up_shexp.weight", {s_.embedding, shared});
        in_layer("ffn_down_shexp.weight", {shared, s_.embedding});
    }

    const Hyperparameters& s_;
    const ConfigDetails& d_;
    std::size_t layer_ = 0;
    std::vector<ModelTensor> tensors_;
};

}  // namespace

std::vector<ModelTensor> config_tensors(const Hyperparameters& shape, const ConfigDetails& details) {
    return Builder(shape, details).build();
}

}  // namespace tuff
