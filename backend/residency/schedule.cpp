#include "backend/residency/schedule.hpp"

#include <algorithm>
#include <utility>

namespace tuff {

StreamSchedule::StreamSchedule(std::vector<bool> streamed, std::uint32_t slots, std::uint64_t passes,
                               std::uint32_t ahead)
    : streamed_(std::move(streamed)),
      slots_(std::max(slots, 1U)),
      uses_(streamed_.size() * passes),
      ahead_(std::max(ahead, 1U)),
      last_in_slot_(slots_) {
    find_next_copy(0);
}

void StreamSchedule::find_next_copy(std::uint64_t from) {
    next_copy_ = from;
    while (next_copy_ < uses_ && !is_streamed(next_copy_)) next_copy_++;
}

std::optional<StreamSchedule::Step> StreamSchedule::next() {
    // A slot is free to be copied into once the computation that reads it has been handed out: the copy waits
    // for it on the device.
    if (next_copy_ < uses_ && copies_ < consumed_ + slots_) {
        const auto slot = static_cast<std::uint32_t>(copies_ % slots_);
        Step step{Step::Kind::copy, next_copy_, static_cast<std::uint32_t>(next_copy_ % streamed_.size()),
                  slot, last_in_slot_[slot]};
        // One that is over need not be waited for.
        if (step.after && *step.after < over_) step.after.reset();
        last_in_slot_[slot] = next_copy_;
        copies_++;
        find_next_copy(next_copy_ + 1);
        return step;
    }
    if (next_compute_ == uses_ || next_compute_ >= over_ + ahead_) return std::nullopt;
    Step step{Step::Kind::compute,
              next_compute_,
              static_cast<std::uint32_t>(next_compute_ % streamed_.size()),
              {},
              {}};
    if (is_streamed(next_compute_)) {
        step.slot = static_cast<std::uint32_t>(consumed_++ % slots_);
        step.after = next_compute_;
    }
    next_compute_++;
    return step;
}

void StreamSchedule::computed(std::uint64_t use) {
    over_ = std::max(over_, use + 1);
}

}  // namespace tuff
