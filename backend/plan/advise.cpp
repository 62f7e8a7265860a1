#include "backend/plan/advise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "backend/plan/weight_types.hpp"
#include "host/bytes.hpp"

namespace tuff {
namespace {

using host::bytes_text;

// Where practice starts: the fewest bits that answers do not show.
constexpr std::string_view kUsualWeights = "q4_k_m";

std::string name_of(const Candidate& one) {
    return fmt::format("{}{} with a cache of {}{}", one.weights, one.importance ? "*" : "", one.cache_k,
                       one.cache_k == one.cache_v ? "" : "/" + one.cache_v);
}

// Nothing for a combination that the model or the budget does not take.
std::optional<Candidate> try_one(const Model& model, const host::DeviceSnapshot& device,
                                 MemoryPlanOptions options, const WeightQuality& weights,
                                 const CacheQuality& cache) {
    options.cache.k.format = find_cache_format(cache.k);
    options.cache.v.format = find_cache_format(cache.v);
    const auto types = weight_types(model, weights.weights, weights.importance);
    if (!types) return std::nullopt;
    const auto plan = plan_memory(model, *types, device, options);
    // A cache that had to be made otherwise is another candidate, or not one of the table.
    if (!plan || !plan->cache.notes.empty()) return std::nullopt;
    Candidate one;
    one.weights = weights.weights;
    one.importance = weights.importance;
    one.cache_k = cache.k;
    one.cache_v = cache.v;
    one.loss_percent = weights.loss_percent + cache.loss_percent;
    one.all_resident = plan->residency.streamed_units == 0;
    one.tables_on_host = plan->residency.host_visible_units > 0;
    one.total_bytes = plan->total_bytes;
    one.device_bytes = plan->device_bytes;
    one.max_context = plan->max_context;
    one.decode = plan->decode;
    one.prefill = plan->prefill;
    return one;
}

// The usual weights with the best cache beside which they fit; where they do not, the best that fits.
std::optional<std::size_t> where_to_start(const std::vector<Candidate>& candidates) {
    for (std::size_t i = 0; i < candidates.size(); i++)
        if (candidates[i].weights == kUsualWeights) return i;
    if (candidates.empty()) return std::nullopt;
    return 0;
}

// The best that there is of the next better weights.
const Candidate* next_better(const std::vector<Candidate>& candidates, std::size_t start) {
    for (std::size_t i = start; i-- > 0;)
        if (candidates[i].weights != candidates[start].weights)
            return &*std::ranges::find(candidates, candidates[i].weights, &Candidate::weights);
    return nullptr;
}

// Leaves out what is no smaller than something that loses no more, but for where practice starts.
void drop_pointless(std::vector<Candidate>& sorted) {
    const auto usual = std::ranges::find(sorted, kUsualWeights, &Candidate::weights);
    std::vector<Candidate> kept;
    std::uint64_t least = ~std::uint64_t{0};
    for (auto one = sorted.begin(); one != sorted.end(); one++) {
        if (one->total_bytes >= least && one != usual) continue;
        least = std::min(least, one->total_bytes);
        kept.push_back(std::move(*one));
    }
    sorted = std::move(kept);
}

std::vector<std::string> moves_from(const Advice& advice, const MemoryPlanOptions& options) {
    if (!advice.start) return {"Nothing fits: take a smaller context, a smaller model or a larger budget."};
    const Candidate& start = advice.candidates[*advice.start];
    std::vector<std::string> moves;
    moves.push_back(
        fmt::format("Start with {}: {}{}.", name_of(start), bytes_text(start.total_bytes),
                    start.all_resident ? "" : ", some of it streamed, because nothing fits wholly"));
    if (start.weights != kUsualWeights)
        moves.push_back(fmt::format("{} would be the usual choice and does not fit in {}.", kUsualWeights,
                                    bytes_text(options.budget_bytes)));
    if (const Candidate* better = next_better(advice.candidates, *advice.start))
        moves.push_back(fmt::format("If its answers are not good enough, go up to {}: {}.", name_of(*better),
                                    bytes_text(better->total_bytes)));
    else
        moves.push_back("No better weights fit this budget.");
    const Candidate* longer = nullptr;
    for (const Candidate& one : advice.candidates)
        if (one.weights == start.weights && one.max_context > start.max_context && !longer) longer = &one;
    if (longer)
        moves.push_back(fmt::format("For a context above {} tokens, go down to {}: up to {}.",
                                    start.max_context, name_of(*longer), longer->max_context));
    if (std::ranges::any_of(advice.candidates, &Candidate::importance))
        moves.push_back("*: made with an importance matrix (tuff quantize --imatrix).");
    return moves;
}

}  // namespace

const std::vector<WeightQuality>& weight_qualities() {
    // Growth over 6.2316, the perplexity of the unquantized model on WikiText-2 (tools/perplexity/README.md);
    // with an importance matrix where there is no figure without, or none of use.
    static const std::vector<WeightQuality> table = {
        {"f16", 0.0},           {"q8_0", 0.04},         {"q6_k", 0.35},          {"q5_k_m", 0.91},
        {"q5_k_s", 1.68},       {"q5_1", 1.70},         {"q5_0", 2.11},          {"q4_k_m", 2.82},
        {"iq4_nl", 3.59, true}, {"iq4_xs", 3.66, true}, {"q4_k_s", 4.32},        {"q4_1", 7.24},
        {"q4_0", 7.52},         {"q3_k_l", 8.93},       {"q3_k_m", 10.5},        {"iq3_m", 10.7, true},
        {"iq3_s", 11.8, true},  {"iq3_xs", 14.9, true}, {"iq3_xxs", 19.7, true}, {"q3_k_s", 26.2},
        {"iq2_m", 38.0, true},  {"q2_k_s", 49.6, true}, {"iq2_s", 54.9, true},   {"q2_k", 56.5},
        {"iq2_xs", 72.7, true}, {"iq2_xxs", 126, true}, {"iq1_m", 309, true},    {"iq1_s", 874, true},
    };
    return table;
}

const std::vector<CacheQuality>& cache_qualities() {
    static const std::vector<CacheQuality> table = {
        {"f16", "f16", 0.0, "the reference"},
        {"q8_0", "q8_0", 0.02, "Gemma 4 26B, llama.cpp"},
        {"q8_0", "q4_0", 0.64, "no more than 4 bits on both sides"},
        {"q4_0", "q4_0", 0.64, "Gemma 4 26B, llama.cpp, rotated"},
    };
    return table;
}

Result<Advice> advise(const Model& model, const host::DeviceSnapshot& device,
                      const MemoryPlanOptions& options) {
    // Mistakes that no choice of formats mends are told, not answered with an empty list.
    MemoryPlanOptions generous = options;
    generous.budget_bytes = ~std::uint64_t{0};
    generous.cache = {};
    TUFF_TRY(types, weight_types(model, "f16"));
    TUFF_CHECK(plan_memory(model, types, device, generous));

    Advice advice;
    for (const WeightQuality& weights : weight_qualities())
        for (const CacheQuality& cache : cache_qualities())
            if (auto one = try_one(model, device, options, weights, cache))
                advice.candidates.push_back(std::move(*one));
    if (std::ranges::any_of(advice.candidates, &Candidate::all_resident))
        std::erase_if(advice.candidates, [](const Candidate& one) { return !one.all_resident; });
    std::ranges::stable_sort(advice.candidates, [](const Candidate& a, const Candidate& b) {
        return std::tuple(a.loss_percent, -a.decode.tokens_per_second) <
               std::tuple(b.loss_percent, -b.decode.tokens_per_second);
    });
    drop_pointless(advice.candidates);
    advice.start = where_to_start(advice.candidates);
    advice.moves = moves_from(advice, options);
    return advice;
}

}  // namespace tuff
