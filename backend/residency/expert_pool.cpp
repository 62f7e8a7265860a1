#include "backend/residency/expert_pool.hpp"

#include <algorithm>
#include <utility>

#include "host/bytes.hpp"

namespace tuff {
namespace {

// Submissions of copies that may be under way at once; the oldest is waited for.
constexpr std::size_t kCopiesAhead = 4;

}  // namespace

Result<ExpertPool> ExpertPool::make(host::Device& device, std::vector<ModelUnit> experts, Layout layout,
                                    std::uint32_t slots) {
    if (slots == 0) return fail(ErrorCode::usage, "experts are brought to slots; there are none");
    ExpertPool pool(device, layout, slots);
    std::uint64_t slot_bytes = 0;
    for (ModelUnit& unit : experts) {
        TUFF_TRY(bytes, image_bytes(unit, layout));
        slot_bytes = std::max(slot_bytes, bytes);
        TUFF_TRY(image, device.allocate(host::Intent::upload, bytes, unit.name));
        TUFF_TRY(weights, weights_in(image, unit, layout));
        pool.experts_.push_back({std::move(unit), std::move(image), std::move(weights)});
    }
    for (std::uint32_t i = 0; i < slots; i++) {
        TUFF_TRY(buffer, device.allocate(host::Intent::weights, slot_bytes, "expert slot"));
        pool.slots_.push_back({std::move(buffer), {}, {}});
    }
    return pool;
}

LoadTask ExpertPool::task(std::uint64_t expert, std::size_t matrix) {
    return {experts_[expert].unit.matrices[matrix].offset, &experts_[expert].in_image[matrix]};
}

Result<void> ExpertPool::check(std::span<const std::uint64_t> experts) const {
    for (const std::uint64_t expert : experts)
        if (expert >= experts_.size())
            return fail(ErrorCode::usage, "expert {} of {}", expert, experts_.size());
    return {};
}

Result<ExpertPool::Fetched> ExpertPool::fetch(std::span<const std::uint64_t> experts) {
    TUFF_CHECK(check(experts));
    TUFF_TRY(places, cache_.fetch(experts));
    Fetched fetched;
    TUFF_TRY(ready, copy(places));
    fetched.ready = ready;
    fetched_.clear();
    for (const ExpertCache::Place& place : places) {
        fetched_.push_back(place.slot);
        fetched.weights.emplace_back(slots_[place.slot].weights);
    }
    return fetched;
}

// After a failed copy the cache believes in experts that did not arrive, but then the device is lost.
Result<host::Moment> ExpertPool::copy(std::span<const ExpertCache::Place> places) {
    if (std::ranges::all_of(places, &ExpertCache::Place::filled))
        return copies_.empty() ? host::Moment{} : copies_.back().last();
    host::Stream stream(*device_, "experts", host::Queue::transfer);
    std::vector<host::Moment> after;
    for (const ExpertCache::Place& place : places) {
        if (place.filled) continue;
        const Expert& expert = experts_[place.expert];
        Slot& slot = slots_[place.slot];
        TUFF_CHECK(stream.copy(expert.image, 0, slot.buffer, 0, expert.image.size()));
        TUFF_TRY(weights, weights_in(slot.buffer, expert.unit, layout_));
        slot.weights = std::move(weights);
        after.push_back(slot.last_use);
        copied_bytes_ += expert.image.size();
    }
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.submit(after));
    copies_.push_back(std::move(stream));
    if (copies_.size() > kCopiesAhead) copies_.pop_front();
    return copies_.back().last();
}

void ExpertPool::used(const host::Moment& end) {
    for (const std::uint32_t slot : fetched_) slots_[slot].last_use = end;
}

Result<std::vector<std::vector<Weights>>> ExpertPool::unfetched(std::span<const std::uint64_t> experts) {
    TUFF_CHECK(check(experts));
    if (experts.size() > slots_.size())
        return fail(ErrorCode::usage, "{} experts are needed at once; there are slots for {}", experts.size(),
                    slots_.size());
    std::vector<std::vector<Weights>> all;
    for (const std::uint64_t expert : experts) {
        TUFF_TRY(weights, weights_in(slots_[turn_].buffer, experts_[expert].unit, layout_));
        turn_ = (turn_ + 1) % slots_.size();
        all.push_back(std::move(weights));
    }
    return all;
}

std::uint64_t ExpertPool::device_bytes() const {
    std::uint64_t bytes = 0;
    for (const Slot& slot : slots_) bytes += slot.buffer.size() + host::kTailBytes;
    return bytes;
}

std::uint64_t ExpertPool::host_bytes() const {
    std::uint64_t bytes = 0;
    for (const Expert& expert : experts_) bytes += expert.image.size() + host::kTailBytes;
    return bytes;
}

}  // namespace tuff
