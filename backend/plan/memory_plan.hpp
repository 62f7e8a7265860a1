// What running a model takes: bytes by purpose, what of it lies where, and how fast that can be. Pure
// functions of the model, the device's snapshot and the options, so that a plan needs no device and is what a
// load then does.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/kv/cache_size.hpp"
#include "backend/model/model.hpp"
#include "backend/plan/speed.hpp"
#include "backend/plan/units.hpp"
#include "backend/plan/weights.hpp"
#include "host/snapshot.hpp"

namespace tuff {

struct MemoryPlanOptions {
    std::uint64_t context = 4096;  // tokens of each sequence
    std::uint64_t sequences = 1;   // at once
    std::uint64_t ubatch = 512;    // tokens of a prompt computed at once
    CacheOptions cache;            // formats; positions, sequences and batch are those above
    bool flash_attention = true;
    std::uint64_t budget_bytes = 0;  // of device memory, for everything below
    DeviceRates rates;
};

// Everything but weights, in bytes.
struct WorkingMemory {
    std::uint64_t cache = 0;
    std::uint64_t tables = 0;           // of the cache: where the tokens of a batch are
    std::uint64_t states = 0;           // of recurrent layers
    std::uint64_t scores = 0;           // attention's, where flash attention is off
    std::uint64_t scratch = 0;          // of products or of attention: packed operands, partial results
    std::uint64_t product_scratch = 0;  // what products take of it; the context does not matter to them
    std::uint64_t activations = 0;      // between the operations of a layer
    std::uint64_t logits = 0;           // of the last token of every sequence
    std::uint64_t buffers = 0;          // what the host layer adds to each of their buffers

    [[nodiscard]] std::uint64_t total() const;
};

struct MemoryPlan {
    WeightsPlan weights;
    WorkingMemory working;
    CacheSize cache;
    Residency residency;
    std::uint64_t total_bytes = 0;   // on a device that holds all
    std::uint64_t device_bytes = 0;  // on this one
    std::uint64_t budget_bytes = 0;
    // The longest context of each sequence that fits while weights lie as fast as they can at the context
    // planned for, or, where that one does not fit at all, at the shortest.
    std::uint64_t max_context = 0;
    // At the end of the context: of all sequences together, and of one prompt.
    StepWork decode_work, prefill_work;
    Speed decode, prefill;

    // What the layout of the device adds to the weights of the file, and buffers and tables to everything.
    [[nodiscard]] std::uint64_t layout_bytes() const {
        return weights.device_bytes - weights.file_bytes + working.buffers + working.tables;
    }
};

// `types`: of the model's tensors, in order (weight_types.hpp). `usage`: a context beyond the model's
// positions, a cache type that does not divide its heads, zeros, sizes that no kernel takes;
// out_of_device_memory: the budget does not even hold the parts that must be on the device, with the least
// that would do.
[[nodiscard]] Result<MemoryPlan> plan_memory(const Model& model, std::span<const TypeInfo* const> types,
                                             const host::DeviceSnapshot& device,
                                             const MemoryPlanOptions& options);

// The parts, for those who allocate them: layers and options for KvCache::make, a layer that reads another's
// cache keeping nothing.
[[nodiscard]] std::vector<CacheLayer> cache_layers(const Hyperparameters& shape);
[[nodiscard]] CacheOptions cache_options(const MemoryPlanOptions& options);
[[nodiscard]] Result<CacheSize> plan_cache(const Hyperparameters& shape, const MemoryPlanOptions& options);
[[nodiscard]] Result<std::uint64_t> product_scratch_bytes(const Model& model,
                                                          std::span<const TypeInfo* const> types,
                                                          const host::DeviceSnapshot& device,
                                                          const MemoryPlanOptions& options);
// What the largest flash attention of any layer takes, of a batch of one sequence's prompt and of a token of
// every sequence.
[[nodiscard]] Result<std::uint64_t> attention_scratch_bytes(const Hyperparameters& shape,
                                                            const host::DeviceSnapshot& device,
                                                            const MemoryPlanOptions& options,
                                                            const CacheSize& cache);
[[nodiscard]] Result<WorkingMemory> plan_working_memory(const Model& model,
                                                        std::span<const TypeInfo* const> types,
                                                        const host::DeviceSnapshot& device,
                                                        const MemoryPlanOptions& options,
                                                        const CacheSize& cache);

}  // namespace tuff
