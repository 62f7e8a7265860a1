#include "backend/plan/memory_plan.hpp"

#include <algorithm>
#include <cmath>

#include "backend/matmul_plan.hpp"
#include "host/bytes.hpp"

namespace tuff {
namespace {

using host::bytes_text;
using host::minus_saturating;
using host::plus_saturating;
using host::times_saturating;

Result<void> check(const Hyperparameters& shape, const MemoryPlanOptions& options) {
    if (options.context == 0) return fail(ErrorCode::usage, "a context of 0 tokens");
    if (options.context > shape.positions)
        return fail(ErrorCode::usage, "a context of {} tokens is beyond the {} positions of {}",
                    options.context, shape.positions, shape.name);
    if (options.sequences == 0 || options.sequences > kMaxCacheSequences)
        return fail(ErrorCode::usage, "{} sequences are not between 1 and {}", options.sequences,
                    kMaxCacheSequences);
    if (options.ubatch == 0) return fail(ErrorCode::usage, "a batch of 0 tokens");
    return {};
}

// Of all units, or of those that are not read by the row.
std::uint64_t bytes_of(const std::vector<Unit>& units, bool tables) {
    std::uint64_t sum = 0;
    for (const Unit& unit : units)
        if (tables || unit.kind != UnitKind::embedding)
            sum = plus_saturating(sum, times_saturating(unit.bytes, unit.count));
    return sum;
}

// The largest context up to `most` for which fits(context), which holds for all smaller ones then; 0: none.
template <class Fits>
std::uint64_t largest_context(std::uint64_t most, const Fits& fits) {
    std::uint64_t low = 0, high = most;  // low fits (or is 0), all above high do not
    while (low < high) {
        const std::uint64_t middle = low + (high - low + 1) / 2;
        if (fits(middle))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

// What depends on the context: cache, scores, and attention's scratch where no product takes more.
std::uint64_t find_max_context(const Hyperparameters& shape, const host::DeviceSnapshot& device,
                               const MemoryPlanOptions& options, const WorkingMemory& working,
                               const std::vector<Unit>& units) {
    const std::uint64_t constant = working.total() - working.cache - working.scores - working.scratch;
    const std::uint64_t score_bytes = working.scores / options.context;
    MemoryPlanOptions other = options;
    const auto needed = [&](std::uint64_t context) {
        other.context = context;
        const auto cache = plan_cache(shape, other);  // formats were checked with the first context
        if (!cache) return ~std::uint64_t{0};
        const auto attention = attention_scratch_bytes(shape, device, other, *cache);
        if (!attention) return ~std::uint64_t{0};
        const std::uint64_t scratch = std::max(working.product_scratch, *attention);
        return plus_saturating(plus_saturating(constant, cache->bytes() + scratch),
                               times_saturating(score_bytes, context));
    };
    // Where weights may lie, the fastest first: with all on the device, with tables on the host, streamed.
    const std::uint64_t placements[] = {bytes_of(units, true), bytes_of(units, false), least_bytes(units)};
    for (const std::uint64_t least : {options.context, std::uint64_t{1}})
        for (const std::uint64_t weights : placements) {
            const auto fits = [&](std::uint64_t tokens) {
                return plus_saturating(needed(tokens), weights) <= options.budget_bytes;
            };
            if (fits(least)) return largest_context(shape.positions, fits);
        }
    return 0;
}

// How many of `count` experts some of `tokens` tokens use, each of them `used`, if they choose at random.
double distinct_experts(std::uint64_t count, std::uint64_t used, std::uint64_t tokens) {
    const double all = static_cast<double>(count);
    return all *
           (1 - std::pow(1 - static_cast<double>(std::min(used, count)) / all, static_cast<double>(tokens)));
}

// Which part of the experts that a step needs has to be brought, if each is used in `share` of all steps, at
// random, and slots are refilled least recently used first: an expert is found if it was used in one of the
// last k steps, so many as the experts of all layers used in them have slots.
double missed_experts(const Residency& residency, double share) {
    const std::uint64_t all = residency.streamed_experts();
    if (residency.expert_slots >= all) return 0;
    const double without = 1 - static_cast<double>(residency.expert_slots) / static_cast<double>(all);
    const double steps = share < 1 ? std::floor(std::log(without) / std::log(1 - share)) : 0;
    return std::pow(1 - share, steps);
}

// Weights: read once a step, computed with by every token.
void add_weights(StepWork& work, const Residency& residency) {
    const auto tokens = static_cast<double>(work.tokens);
    for (const PlacedUnit& placed : residency.units) {
        const Unit& unit = placed.unit;
        if (unit.kind == UnitKind::embedding) continue;
        const double touched = unit.kind == UnitKind::experts
                                   ? distinct_experts(unit.count, unit.used, work.tokens)
                                   : static_cast<double>(unit.count);
        const double share = touched / static_cast<double>(unit.count);
        const double missed = unit.kind == UnitKind::experts ? missed_experts(residency, share) : 1;
        const double streamed = static_cast<double>(placed.streamed);
        work.device_bytes += share * static_cast<double>(unit.bytes) *
                             (static_cast<double>(placed.resident) + streamed * (1 - missed));
        work.bus_bytes += share * static_cast<double>(unit.bytes) * streamed * missed;
        const auto used = static_cast<double>(unit.kind == UnitKind::experts ? unit.used : unit.count);
        work.flops += 2 * tokens * used * static_cast<double>(unit.elements);
    }
}

// Attention of every token over `seen` positions of its sequence.
void add_attention(StepWork& work, const Hyperparameters& shape, double seen) {
    for (const LayerShape& layer : shape.layers) {
        if (layer.kv_heads == 0) continue;
        const double positions = layer.window > 0 ? std::min(seen, static_cast<double>(layer.window)) : seen;
        const std::uint64_t sizes = layer.key_size + std::max(layer.value_size, layer.latent_size);
        work.flops +=
            2 * static_cast<double>(work.tokens) * positions * static_cast<double>(layer.heads * sizes);
    }
}

}  // namespace

Result<MemoryPlan> plan_memory(const Model& model, std::span<const TypeInfo* const> types,
                               const host::DeviceSnapshot& device, const MemoryPlanOptions& options) {
    const Hyperparameters& shape = model.shape;
    TUFF_CHECK(check(shape, options));
    MemoryPlan plan;
    plan.budget_bytes = options.budget_bytes;
    TUFF_TRY(weights, plan_weights(model, types, preferred_layout(device), device));
    plan.weights = std::move(weights);
    TUFF_TRY(cache, plan_cache(shape, options));
    plan.cache = std::move(cache);
    TUFF_TRY(working, plan_working_memory(model, types, device, options, plan.cache));
    plan.working = working;
    plan.total_bytes = plus_saturating(plan.weights.device_bytes, working.total());
    const std::vector<Unit> units = make_units(model, plan.weights);
    plan.max_context = find_max_context(shape, device, options, working, units);

    const std::uint64_t least = plus_saturating(working.total(), least_bytes(units));
    if (least > options.budget_bytes) {
        std::string message = fmt::format(
            "a budget of {} does not hold {}: with every layer streamed it still takes {}, of which {} "
            "beside the weights",
            bytes_text(options.budget_bytes), shape.name, bytes_text(least), bytes_text(working.total()));
        message += fmt::format("; the smallest budget that works is {} bytes", least);
        if (plan.max_context > 0)
            message += fmt::format(", the longest context that fits has {} tokens", plan.max_context);
        return fail(ErrorCode::out_of_device_memory, "{}", message);
    }
    TUFF_TRY(residency, place_units(units, minus_saturating(options.budget_bytes, working.total())));
    plan.residency = std::move(residency);
    plan.device_bytes = plus_saturating(working.total(), plan.residency.device_bytes());

    plan.decode_work.tokens = options.sequences;
    add_weights(plan.decode_work, plan.residency);
    plan.decode_work.device_bytes += static_cast<double>(working.cache + working.states);
    add_attention(plan.decode_work, shape, static_cast<double>(options.context));
    plan.prefill_work.tokens = std::min(options.ubatch, options.context);
    add_weights(plan.prefill_work, plan.residency);
    plan.prefill_work.device_bytes +=
        static_cast<double>(working.cache + working.states) / static_cast<double>(options.sequences) / 2;
    add_attention(plan.prefill_work, shape, static_cast<double>(options.context) / 2);
    plan.decode = predict(plan.decode_work, options.rates);
    plan.prefill = predict(plan.prefill_work, options.rates);
    return plan;
}

}  // namespace tuff
