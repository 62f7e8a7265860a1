// Which weights and which cache to take: everything that fits, by what it costs in quality and what it brings
// in speed.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/plan/memory_plan.hpp"

namespace tuff {

// Published figures, for order and scale: by how many percent perplexity grows.
struct WeightQuality {
    std::string_view weights;
    double loss_percent;      // llama.cpp's table for Llama 3 8B
    bool importance = false;  // measured, and to be made, with an importance matrix
};
[[nodiscard]] const std::vector<WeightQuality>& weight_qualities();  // by rising loss
struct CacheQuality {
    std::string_view k, v;
    double loss_percent;
    std::string_view source;
};
[[nodiscard]] const std::vector<CacheQuality>& cache_qualities();  // by rising loss

struct Candidate {
    std::string weights;
    bool importance = false;  // made with an importance matrix
    std::string cache_k, cache_v;
    double loss_percent = 0;         // of both together
    bool all_resident = false;       // but for tables that are read by the row
    bool tables_on_host = false;     // those
    std::uint64_t total_bytes = 0;   // wherever they lie
    std::uint64_t device_bytes = 0;  // of the budget
    std::uint64_t max_context = 0;
    Speed decode, prefill;
};

struct Advice {
    std::vector<Candidate> candidates;  // by rising loss, then falling speed
    std::optional<std::size_t> start;   // where to start; empty: nothing fits
    std::vector<std::string> moves;     // sentences: which way to go from there
};

// Plans every combination for the context, sequences, ubatch, budget and rates of `options`, and keeps those
// that fit: all weights resident, or, where none is, those that can be streamed; nothing that is larger than
// what loses less, but for where to start. The errors of plan_memory that do not depend on the formats.
[[nodiscard]] Result<Advice> advise(const Model& model, const host::DeviceSnapshot& device,
                                    const MemoryPlanOptions& options);

}  // namespace tuff
