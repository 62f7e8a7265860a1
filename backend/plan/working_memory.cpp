// What lies beside the weights: cache, states, scores, scratch, activations, logits.
#include <algorithm>
#include <set>
#include <tuple>

#include "backend/arithmetic.hpp"
#include "backend/attention/cached_attention.hpp"
#include "backend/format.hpp"
#include "backend/matmul_id_plan.hpp"
#include "backend/matmul_plan.hpp"
#include "backend/plan/memory_plan.hpp"
#include "backend/printable.hpp"
#include "host/bytes.hpp"
#include "host/memory.hpp"

namespace tuff {
namespace {

using host::plus_saturating;
using host::times_saturating;

std::uint64_t largest_batch(const MemoryPlanOptions& options) {
    return std::max(options.ubatch, options.sequences);
}

// Tails of the buffers of the cache, and of those of the other working memory.
std::uint64_t tail_bytes(const CacheSize& cache, const WorkingMemory& memory) {
    std::vector<std::uint64_t> buffers = cache.buffers();
    buffers.insert(buffers.end(),
                   {memory.states, memory.scores, memory.scratch, memory.activations, memory.logits});
    std::uint64_t sum = 0;
    for (const std::uint64_t bytes : buffers)
        if (bytes > 0) sum += host::minus_saturating(host::allocated_bytes(bytes), bytes);
    return sum;
}

// Floats of one token that live at once inside a layer: two copies of the hidden state, and the results of
// the matrices of attention, or of the feed-forward part.
std::uint64_t activation_floats(const Model& model) {
    std::vector<std::uint64_t> attention(model.shape.layers.size()), feed_forward(attention);
    for (const ModelTensor& tensor : model.tensors) {
        const auto layer = layer_of(tensor.name);
        if (!layer || *layer >= attention.size() || tensor.n_dims < 2) continue;
        const bool of_feed_forward = tensor.name.contains(".ffn_");
        const std::uint64_t used = is_expert_stack(tensor) ? model.shape.layers[*layer].experts_used : 1;
        std::uint64_t& sum = of_feed_forward ? feed_forward[*layer] : attention[*layer];
        sum = plus_saturating(sum, times_saturating(tensor.dims[1], std::max<std::uint64_t>(used, 1)));
    }
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < attention.size(); i++) most = std::max({most, attention[i], feed_forward[i]});
    return plus_saturating(most, 2 * model.shape.embedding);
}

// Of the product of a matrix, or of a stack of which each token uses some, with that many tokens.
Result<std::uint64_t> scratch_of_product(const ModelTensor& tensor, std::uint64_t used, const Format& format,
                                         const host::DeviceSnapshot& device, std::uint64_t tokens) {
    const Layout layout = preferred_layout(device);
    if (used > 0) {
        MatmulIdShape shape;
        shape.m = tensor.dims[1];
        shape.k = tensor.dims[0];
        shape.n = tokens;
        shape.experts = tensor.dims[2];
        shape.used = used;
        shape.shared_x = !tensor.name.contains("_down");  // that one reads what its expert made
        TUFF_TRY(plan, plan_matmul_id(device, format, layout, shape));
        return plan.scratch_bytes;
    }
    MatmulShape shape;
    shape.m = tensor.dims[1];
    shape.k = tensor.dims[0];
    shape.n = tokens;
    TUFF_TRY(plan, plan_matmul(device, format, layout, shape));
    return plan.scratch_bytes;
}

}  // namespace

std::uint64_t WorkingMemory::total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t part : {cache, tables, states, scores, scratch, activations, logits, buffers})
        sum = plus_saturating(sum, part);
    return sum;
}

std::vector<CacheLayer> cache_layers(const Hyperparameters& shape) {
    std::vector<CacheLayer> layers;
    for (const LayerShape& layer : shape.layers) {
        CacheLayer& out = layers.emplace_back();
        if (layer.kv_heads == 0 || !layer.owns_cache) continue;
        out.kv_heads = u32(layer.kv_heads);
        out.k_dim = u32(layer.key_size);
        out.v_dim = u32(layer.value_size);
        out.window = layer.window;
        out.k_bias = layer.key_bias;
    }
    return layers;
}

CacheOptions cache_options(const MemoryPlanOptions& options) {
    CacheOptions cache = options.cache;
    cache.positions = times_saturating(options.context, options.sequences);
    cache.sequences = u32(std::min<std::uint64_t>(options.sequences, ~std::uint32_t{0}));
    cache.batch = options.ubatch;
    return cache;
}

Result<CacheSize> plan_cache(const Hyperparameters& shape, const MemoryPlanOptions& options) {
    return cache_size(cache_layers(shape), cache_options(options));
}

Result<std::uint64_t> product_scratch_bytes(const Model& model, std::span<const TypeInfo* const> types,
                                            const host::DeviceSnapshot& device,
                                            const MemoryPlanOptions& options) {
    std::set<std::tuple<const Format*, std::uint64_t, std::uint64_t, std::uint64_t, bool>> seen;
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < model.tensors.size(); i++) {
        const ModelTensor& tensor = model.tensors[i];
        const Format* format = find_format(types[i]->id);
        if (tensor.n_dims < 2 || tensor.elements() == 0 || format == nullptr ||
            !tensor.name.ends_with(".weight"))
            continue;
        const auto layer = layer_of(tensor.name);
        const std::uint64_t used = is_expert_stack(tensor) && layer && *layer < model.shape.layers.size()
                                       ? model.shape.layers[*layer].experts_used
                                       : 0;
        if (!seen.emplace(format, tensor.dims[0], tensor.dims[1], used, tensor.name.contains("_down")).second)
            continue;
        for (const std::uint64_t tokens : {largest_batch(options), options.sequences}) {
            const auto bytes = scratch_of_product(tensor, used, *format, device, tokens);
            if (!bytes)
                return fail(bytes.error().code, "{}: {}", printable(tensor.name), bytes.error().message);
            most = std::max(most, *bytes);
        }
    }
    return most;
}

Result<std::uint64_t> attention_scratch_bytes(const Hyperparameters& shape,
                                              const host::DeviceSnapshot& device,
                                              const MemoryPlanOptions& options, const CacheSize& cache) {
    if (!options.flash_attention) return 0;
    const CacheKind kind = preferred_cache_kind(device);
    std::set<std::tuple<std::uint64_t, std::size_t, std::uint64_t, std::uint64_t, std::uint64_t>> seen;
    std::uint64_t most = 0;
    // A layer that reads another's cache reads one like those before it.
    const CacheLayerSize* own = nullptr;
    for (std::size_t i = 0; i < shape.layers.size(); i++) {
        const LayerShape& layer = shape.layers[i];
        if (layer.kv_heads == 0) continue;
        if (layer.owns_cache) own = &cache.layers[i];
        const std::uint64_t values = layer.latent_size > 0 ? layer.latent_size : layer.value_size;
        if (own == nullptr ||
            !seen.emplace(layer.heads, own->group, layer.kv_heads, layer.key_size, values).second)
            continue;
        for (const auto& [sequences, tokens] :
             {std::pair{std::uint64_t{1}, options.ubatch}, std::pair{options.sequences, std::uint64_t{1}}}) {
            CachedQueries queries;
            queries.sequences = u32(sequences);
            queries.tokens = u32(tokens);
            queries.heads = u32(layer.heads);
            queries.v_head = u32(layer.latent_size);
            const auto plan = plan_cached_attention(device, kind, *own, options.sequences, queries, {});
            if (!plan) return fail(plan.error().code, "layer {}: {}", i, plan.error().message);
            most = std::max(most, plan->scratch_bytes);
        }
    }
    return most;
}

Result<WorkingMemory> plan_working_memory(const Model& model, std::span<const TypeInfo* const> types,
                                          const host::DeviceSnapshot& device,
                                          const MemoryPlanOptions& options, const CacheSize& cache) {
    const Hyperparameters& shape = model.shape;
    WorkingMemory memory;
    memory.cache = cache.bytes();
    for (const std::uint64_t bytes : cache.buffers()) memory.tables += bytes;
    memory.tables -= memory.cache;
    std::uint64_t most_heads = 0, states = 0;
    for (const LayerShape& layer : shape.layers) {
        states = plus_saturating(states, times_saturating(layer.state_floats, sizeof(float)));
        most_heads = std::max(most_heads, layer.kv_heads > 0 ? layer.heads : 0);
    }
    memory.states = times_saturating(states, options.sequences);
    // A batch may hold tokens of every sequence, so it is scored against all of their positions.
    if (!options.flash_attention)
        memory.scores = times_saturating(times_saturating(options.context, options.sequences),
                                         times_saturating(options.ubatch, most_heads * sizeof(float)));
    TUFF_TRY(product_scratch, product_scratch_bytes(model, types, device, options));
    TUFF_TRY(attention_scratch, attention_scratch_bytes(shape, device, options, cache));
    memory.product_scratch = product_scratch;
    memory.scratch = std::max(product_scratch, attention_scratch);
    memory.activations =
        times_saturating(times_saturating(activation_floats(model), largest_batch(options)), sizeof(float));
    memory.logits = times_saturating(times_saturating(shape.vocabulary, options.sequences), sizeof(float));
    memory.buffers = tail_bytes(cache, memory);
    return memory;
}

}  // namespace tuff
