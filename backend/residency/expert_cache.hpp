// Which experts of a mixture-of-experts model are in device memory: slots, refilled least recently used
// first. A pure state machine, as schedule.hpp.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

namespace tuff {

class ExpertCache {
  public:
    struct Place {
        std::uint64_t expert = 0;
        std::uint32_t slot = 0;
        bool filled = false;  // whether its weights are there already; if not, copy them
        friend bool operator==(const Place&, const Place&) = default;
    };

    explicit ExpertCache(std::uint32_t slots);

    // Places for the experts one layer needs, each named once, in the order given; they are the most recently
    // used ones afterwards, and none of them takes another's slot. `usage`: more experts than slots, or one
    // named twice; nothing has changed then.
    Result<std::vector<Place>> fetch(std::span<const std::uint64_t> experts);

    [[nodiscard]] std::uint32_t slots() const { return slots_; }
    [[nodiscard]] std::uint64_t hits() const { return hits_; }
    [[nodiscard]] std::uint64_t misses() const { return misses_; }

  private:
    struct Entry {
        std::uint64_t expert;
        std::uint32_t slot;
    };
    std::uint32_t slots_;
    std::list<Entry> entries_;  // most recently used first
    std::unordered_map<std::uint64_t, std::list<Entry>::iterator> where_;
    std::uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace tuff
