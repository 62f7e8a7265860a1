// The order of work when a model larger than the device's memory runs: which unit is copied into which slot
// when, and what each step has to wait for. A pure state machine: it knows no device and no clock, and is
// tested under random timings.
//
// A model is a sequence of units (layers), run from first to last in every pass. Some are streamed: their
// weights are brought into one of a few slots of device memory ahead of their use. Copies and computations
// run on two queues, each in order; a copy into a slot waits for the computation that used it last, a
// computation for its copy.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tuff {

class StreamSchedule {
  public:
    struct Step {
        enum class Kind { copy, compute };
        Kind kind{};
        std::uint64_t use = 0;  // of a unit: pass * units + unit
        std::uint32_t unit = 0;
        std::optional<std::uint32_t> slot;  // empty: the unit is not streamed
        // A copy: the use whose computation must be over first. A computation: the use whose copy must be
        // over (its own). Empty: nothing.
        std::optional<std::uint64_t> after;
        friend bool operator==(const Step&, const Step&) = default;
    };

    // `streamed[i]`: whether unit i is streamed. `slots`: at least 2 where any is, so that a copy goes on
    // while its neighbour is computed with. `ahead`: computations that may be handed out before earlier ones
    // are over, at least 1; it bounds what is queued, not what is right.
    StreamSchedule(std::vector<bool> streamed, std::uint32_t slots, std::uint64_t passes,
                   std::uint32_t ahead);

    // The next step to hand to its queue; empty: nothing may be, until another computation is over. Copies
    // come first: they are what others wait for.
    [[nodiscard]] std::optional<Step> next();

    // Tells that the computation of a use is over. They end in order.
    void computed(std::uint64_t use);

    // Whether every computation is over.
    [[nodiscard]] bool finished() const { return over_ == uses_; }

  private:
    [[nodiscard]] bool is_streamed(std::uint64_t use) const { return streamed_[use % streamed_.size()]; }
    void find_next_copy(std::uint64_t from);

    std::vector<bool> streamed_;
    std::uint32_t slots_;
    std::uint64_t uses_;
    std::uint32_t ahead_;

    std::uint64_t next_compute_ = 0;  // use
    std::uint64_t over_ = 0;          // uses whose computation is over
    std::uint64_t next_copy_ = 0;     // use; uses_ where none is left
    std::uint64_t copies_ = 0;        // handed out: copy number c goes into slot c % slots
    std::uint64_t consumed_ = 0;      // streamed computations handed out
    std::vector<std::optional<std::uint64_t>> last_in_slot_;  // the use whose weights a slot was given last
};

}  // namespace tuff
