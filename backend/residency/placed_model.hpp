// A model whose weights lie where its plan put them: in device memory, in host memory that the device reads
// in place, or in host memory from where they are brought into a few slots of device memory ahead of their
// use: whole layers into a ring, and of experts those that are used into a pool.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/load/load.hpp"
#include "backend/residency/expert_pool.hpp"
#include "backend/residency/schedule.hpp"
#include "backend/residency/unit_image.hpp"
#include "host/stream.hpp"

namespace tuff {

// Move-only. Used by one thread at a time; the device must outlive it.
class PlacedModel {
  public:
    struct Work {
        // Records the work of unit number `unit` with its weights, which lie in `weights` in the order of its
        // matrices; of experts on demand once for each that is used. The buffers it names must outlive the
        // model.
        std::function<Result<void>(host::Stream& stream, std::size_t unit, std::span<const Weights> weights)>
            record;
        // Which experts of a unit on demand its next use takes, each once; called in the order of the units.
        std::function<std::vector<std::uint64_t>(std::size_t unit)> choose = {};
    };
    // `ring`: for streamed units, at least 2 where there are any; `experts`: for those on demand, as many as
    // a use takes or more. Each has the size of the largest one.
    struct Slots {
        std::uint32_t ring = 0, experts = 0;
    };

    // Loads every unit to its place: matrix after matrix, where experts are on demand one after the other,
    // each a task of its own. usage: too few slots; out_of_device_memory: a place lacks room, or a unit is
    // larger than a buffer of the device may be; the errors of load_weights.
    static Result<PlacedModel> load(host::Device& device, const std::string& path,
                                    std::vector<ModelUnit> units, Layout layout, Slots slots, Work work,
                                    const LoadOptions& options);

    // Runs all units in order `passes` times, copies ahead of computations, and waits for the end. One half
    // of the work alone is for measuring: streamed units are then computed with whatever their slots hold, or
    // brought to them and left alone. usage: more experts chosen than there are slots, one twice or one that
    // the unit does not have.
    enum class Half { both, copies, computations };
    Result<void> run(std::uint64_t passes, Half half = Half::both);

    [[nodiscard]] const LoadReport& loaded() const { return loaded_; }
    [[nodiscard]] std::uint64_t device_bytes() const;  // of resident units and slots, as allocated
    [[nodiscard]] std::uint64_t host_bytes() const;    // pinned
    [[nodiscard]] std::uint64_t copied_bytes() const;  // to slots, by all runs so far
    // Where the experts on demand are; nullptr: there are none.
    [[nodiscard]] const ExpertPool* experts() const { return pool_ ? &*pool_ : nullptr; }
    [[nodiscard]] std::span<const ModelUnit> units() const { return units_; }

  private:
    struct Placed {
        std::vector<Weights> weights;    // where the unit was loaded to
        host::Buffer image;              // of a unit that is not resident: all of it, in host memory
        std::uint64_t first_expert = 0;  // of experts on demand: their place in the pool, one after the other
    };
    explicit PlacedModel(host::Device& device) : device_(&device) {}
    Result<void> place(Slots slots);
    std::vector<LoadTask> tasks();
    Result<host::Stream*> copy_of(std::size_t unit, std::uint32_t slot);
    Result<host::Stream*> work_of(std::size_t unit, std::optional<std::uint32_t> slot);
    Result<host::Moment> run_experts(std::size_t unit, Half half);

    host::Device* device_;
    Layout layout_{};
    Work to_do_;
    std::vector<ModelUnit> units_;
    std::vector<Placed> placed_;
    std::vector<host::Buffer> slots_;
    std::optional<ExpertPool> pool_;
    LoadReport loaded_;
    // Recorded when first needed, then run again and again.
    using Key = std::pair<std::size_t, std::uint32_t>;  // unit and slot; kNoSlot where the unit has none
    static constexpr std::uint32_t kNoSlot = ~0U;
    std::map<Key, host::Stream> copies_, work_;
    std::map<Key, std::vector<Weights>> in_slots_;
    std::deque<host::Stream> with_experts_;  // work of the last uses, of whichever experts these took
    std::uint64_t copied_bytes_ = 0;         // to the ring
};

}  // namespace tuff
