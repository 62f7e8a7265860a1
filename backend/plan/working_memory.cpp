// What lies beside the weights: cache, states, scores, scratch, activations, logits.
#include <algorithm>
#include <set>
#include <tuple>

#include "backend/format.hpp"
#include "backend/matmul_plan.hpp"
#include "backend/plan/memory_plan.hpp"
#include "backend/printable.hpp"
#include "host/bytes.hpp"
#include "host/memory.hpp"

namespace tuff {
namespace {

using host::plus_saturating;
using host::times_saturating;

// A model's layers as their cache sees them; one that reads another's keeps nothing.
std::vector<CacheLayer> cache_layers(const Hyperparameters& shape) {
    std::vector<CacheLayer> layers;
    for (const LayerShape& layer : shape.layers) {
        CacheLayer& out = layers.emplace_back();
        if (layer.kv_heads == 0 || !layer.owns_cache) continue;
        out.kv_heads = static_cast<std::uint32_t>(layer.kv_heads);
        out.k_dim = static_cast<std::uint32_t>(layer.key_size);
        out.v_dim = static_cast<std::uint32_t>(layer.value_size);
        out.window = layer.window;
        out.k_bias = layer.key_bias;
    }
    return layers;
}

// Tails of the buffers that parts of the cache are in, and those of the other working memory.
std::uint64_t buffer_bytes(const CacheSize& cache, const WorkingMemory& memory) {
    std::uint64_t sum = 0;
    const auto add = [&](std::uint64_t bytes) {
        if (bytes > 0) sum += host::minus_saturating(host::allocated_bytes(bytes), bytes);
    };
    for (const CacheLayerSize& layer : cache.layers)
        for (const CacheSideSize* side : {&layer.k, &layer.v})
            for (const std::uint64_t bytes : side->bytes) add(bytes);
    for (const std::uint64_t bytes :
         {memory.states, memory.scores, memory.scratch, memory.activations, memory.logits})
        add(bytes);
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

}  // namespace

std::uint64_t WorkingMemory::total() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t part : {cache, states, scores, scratch, activations, logits, buffers})
        sum = plus_saturating(sum, part);
    return sum;
}

Result<CacheSize> plan_cache(const Hyperparameters& shape, const MemoryPlanOptions& options) {
    CacheOptions cache = options.cache;
    cache.positions = times_saturating(options.context, options.sequences);
    cache.sequences =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(options.sequences, ~std::uint32_t{0}));
    cache.batch = options.ubatch;
    return cache_size(cache_layers(shape), cache);
}

Result<std::uint64_t> product_scratch_bytes(const Model& model, std::span<const TypeInfo* const> types,
                                            const host::DeviceSnapshot& device, std::uint64_t tokens) {
    const Layout layout = preferred_layout(device);
    std::set<std::tuple<const Format*, std::uint64_t, std::uint64_t>> seen;
    std::uint64_t most = 0;
    for (std::size_t i = 0; i < model.tensors.size(); i++) {
        const ModelTensor& tensor = model.tensors[i];
        const Format* format = find_format(types[i]->id);
        if (tensor.n_dims < 2 || tensor.elements() == 0 || format == nullptr ||
            !tensor.name.ends_with(".weight"))
            continue;
        if (!seen.emplace(format, tensor.dims[0], tensor.dims[1]).second) continue;
        MatmulShape shape;
        shape.m = tensor.dims[1];
        shape.k = tensor.dims[0];
        shape.n = tokens;
        auto plan = plan_matmul(device, *format, layout, shape);
        if (!plan) return fail(plan.error().code, "{}: {}", printable(tensor.name), plan.error().message);
        most = std::max(most, plan->scratch_bytes);
    }
    return most;
}

Result<WorkingMemory> plan_working_memory(const Model& model, std::span<const TypeInfo* const> types,
                                          const host::DeviceSnapshot& device,
                                          const MemoryPlanOptions& options, const CacheSize& cache) {
    const Hyperparameters& shape = model.shape;
    WorkingMemory memory;
    memory.cache = cache.bytes();
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
    const std::uint64_t batch = std::max(options.ubatch, options.sequences);
    TUFF_TRY(prompt_scratch, product_scratch_bytes(model, types, device, batch));
    TUFF_TRY(token_scratch, product_scratch_bytes(model, types, device, options.sequences));
    memory.scratch = std::max(prompt_scratch, token_scratch);
    memory.activations = times_saturating(times_saturating(activation_floats(model), batch), sizeof(float));
    memory.logits = times_saturating(times_saturating(shape.vocabulary, options.sequences), sizeof(float));
    memory.buffers = buffer_bytes(cache, memory);
    return memory;
}

}  // namespace tuff
