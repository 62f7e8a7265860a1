#include "backend/residency/expert_cache.hpp"

#include <unordered_set>

namespace tuff {

ExpertCache::ExpertCache(std::uint32_t slots) : slots_(slots) {}

Result<std::vector<ExpertCache::Place>> ExpertCache::fetch(std::span<const std::uint64_t> experts) {
    if (experts.size() > slots_)
        return fail(ErrorCode::usage, "{} experts are needed at once; there are slots for {}", experts.size(),
                    slots_);
    std::unordered_set<std::uint64_t> seen;
    for (const std::uint64_t expert : experts)
        if (!seen.insert(expert).second) return fail(ErrorCode::usage, "expert {} is named twice", expert);

    // Those already here move to the front first, so that no newcomer takes the slot of one of them.
    std::vector<Place> places;
    for (const std::uint64_t expert : experts) {
        const auto found = where_.find(expert);
        if (found == where_.end()) {
            places.push_back({expert, 0, false});
            continue;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        places.push_back({expert, found->second->slot, true});
        hits_++;
    }
    for (Place& place : places) {
        if (place.filled) continue;
        misses_++;
        if (entries_.size() < slots_) {
            place.slot = static_cast<std::uint32_t>(entries_.size());
        } else {
            place.slot = entries_.back().slot;
            where_.erase(entries_.back().expert);
            entries_.pop_back();
        }
        entries_.push_front({place.expert, place.slot});
        where_[place.expert] = entries_.begin();
    }
    return places;
}

}  // namespace tuff
