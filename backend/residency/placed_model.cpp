#include "backend/residency/placed_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tuff {
namespace {

// Computations handed to the device before earlier ones are over: enough that its queue never runs dry.
constexpr std::uint32_t kAhead = 3;

}  // namespace

Result<PlacedModel> PlacedModel::load(host::Device& device, const std::string& path,
                                      std::vector<ModelUnit> units, Layout layout, Slots slots, Work work,
                                      const LoadOptions& options) {
    PlacedModel model(device);
    model.layout_ = layout;
    model.to_do_ = std::move(work);
    model.units_ = std::move(units);
    TUFF_CHECK(model.place(slots));
    TUFF_TRY(report, load_weights(device, path, model.tasks(), options));
    model.loaded_ = std::move(report);
    return model;
}

std::vector<LoadTask> PlacedModel::tasks() {
    std::vector<LoadTask> tasks;
    for (std::size_t i = 0; i < units_.size(); i++)
        for (std::size_t m = 0; m < units_[i].matrices.size(); m++)
            if (!units_[i].on_demand())
                tasks.push_back({units_[i].matrices[m].offset, &placed_[i].weights[m]});
            else
                for (std::uint64_t e = 0; e < units_[i].experts; e++)
                    tasks.push_back(pool_->task(placed_[i].first_expert + e, m));
    return tasks;
}

Result<void> PlacedModel::place(Slots slots) {
    std::uint64_t slot_bytes = 0;
    std::vector<ModelUnit> experts;
    for (const ModelUnit& unit : units_) {
        Placed& placed = placed_.emplace_back();
        TUFF_TRY(bytes, image_bytes(unit, layout_));
        placed.first_expert = experts.size();
        if (unit.on_demand())
            for (std::uint64_t e = 0; e < unit.experts; e++) experts.push_back(expert_of(unit, e));
        else if (unit.residence == Residence::streamed)
            slot_bytes = std::max(slot_bytes, bytes);
    }
    if (slot_bytes > 0) {
        if (slots.ring < 2)
            return fail(ErrorCode::usage,
                        "streaming takes at least 2 slots, not {}: one is used while the next is filled",
                        slots.ring);
        for (std::uint32_t i = 0; i < slots.ring; i++) {
            TUFF_TRY(slot, device_->allocate(host::Intent::weights, slot_bytes, "slot"));
            slots_.push_back(std::move(slot));
        }
    }
    if (!experts.empty()) {
        if (!to_do_.choose) return fail(ErrorCode::usage, "nothing chooses the experts that are brought");
        TUFF_TRY(pool, ExpertPool::make(*device_, std::move(experts), layout_, slots.experts));
        pool_.emplace(std::move(pool));
    }
    for (std::size_t i = 0; i < units_.size(); i++) {
        const ModelUnit& unit = units_[i];
        Placed& placed = placed_[i];
        if (unit.on_demand()) continue;
        if (unit.residence == Residence::resident) {
            for (const ModelUnit::Matrix& matrix : unit.matrices) {
                TUFF_TRY(weights, Weights::allocate(*device_, *matrix.format, layout_of(matrix, layout_),
                                                    matrix.shape, matrix.name));
                placed.weights.push_back(std::move(weights));
            }
            continue;
        }
        TUFF_TRY(bytes, image_bytes(unit, layout_));
        TUFF_TRY(image, device_->allocate(host::Intent::upload, bytes, unit.name));
        TUFF_TRY(weights, weights_in(image, unit, layout_));
        placed.image = std::move(image);
        placed.weights = std::move(weights);
    }
    return {};
}

Result<host::Stream*> PlacedModel::copy_of(std::size_t unit, std::uint32_t slot) {
    const auto found = copies_.find({unit, slot});
    if (found != copies_.end()) return &found->second;
    host::Stream stream(*device_, units_[unit].name, host::Queue::transfer);
    const host::Buffer& image = placed_[unit].image;
    TUFF_CHECK(stream.copy(image, 0, slots_[slot], 0, image.size()));
    TUFF_CHECK(stream.finish());
    return &copies_.emplace(Key{unit, slot}, std::move(stream)).first->second;
}

Result<host::Stream*> PlacedModel::work_of(std::size_t unit, std::optional<std::uint32_t> slot) {
    const Key key{unit, slot.value_or(kNoSlot)};
    const auto found = work_.find(key);
    if (found != work_.end()) return &found->second;
    std::span<const Weights> weights = placed_[unit].weights;
    if (slot) {
        TUFF_TRY(here, weights_in(slots_[*slot], units_[unit], layout_));
        weights = in_slots_[key] = std::move(here);
    }
    host::Stream stream(*device_, units_[unit].name);
    TUFF_CHECK(to_do_.record(stream, unit, weights));
    TUFF_CHECK(stream.finish());
    return &work_.emplace(key, std::move(stream)).first->second;
}

// Copies and work of one use, which other experts will have next time: recorded anew. Returns the end of the
// last half that is run.
Result<host::Moment> PlacedModel::run_experts(std::size_t unit, Half half) {
    std::vector<std::uint64_t> chosen = to_do_.choose(unit);
    for (std::uint64_t& expert : chosen) {
        if (expert >= units_[unit].experts)
            return fail(ErrorCode::usage, "expert {} of {}", expert, units_[unit].name);
        expert += placed_[unit].first_expert;
    }
    host::Stream stream(*device_, units_[unit].name);
    host::Moment ready;
    if (half == Half::computations) {
        TUFF_TRY(experts, pool_->unfetched(chosen));
        for (const std::vector<Weights>& weights : experts) TUFF_CHECK(to_do_.record(stream, unit, weights));
    } else {
        TUFF_TRY(fetched, pool_->fetch(chosen));
        ready = fetched.ready;
        if (half == Half::copies) return ready;
        for (const std::span<const Weights> weights : fetched.weights)
            TUFF_CHECK(to_do_.record(stream, unit, weights));
    }
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.submit(std::array{ready}));
    if (half == Half::both) pool_->used(stream.last());
    with_experts_.push_back(std::move(stream));
    if (with_experts_.size() > kAhead) with_experts_.pop_front();  // it is over: no more are under way
    return with_experts_.back().last();
}

Result<void> PlacedModel::run(std::uint64_t passes, Half half) {
    std::vector<bool> streamed;
    for (const ModelUnit& unit : units_)
        streamed.push_back(unit.residence == Residence::streamed && !unit.on_demand());
    if (units_.empty()) return {};
    const auto slots = static_cast<std::uint32_t>(slots_.size());
    StreamSchedule schedule(std::move(streamed), slots, passes, kAhead);
    // The ends of steps under way, by use. What a step comes after is among the last few.
    std::map<std::uint64_t, host::Moment> copied, computed;
    std::uint64_t over = 0;
    using Kind = StreamSchedule::Step::Kind;
    while (!schedule.finished()) {
        const std::optional<StreamSchedule::Step> step = schedule.next();
        if (!step) {
            for (std::map<std::uint64_t, host::Moment>* ends : {&copied, &computed}) {
                const auto end = ends->find(over);
                if (end == ends->end()) continue;
                TUFF_CHECK(device_->wait(end->second));
                ends->erase(end);
            }
            schedule.computed(over++);
            continue;
        }
        const bool copies = step->kind == Kind::copy;
        if (units_[step->unit].on_demand()) {
            TUFF_TRY(end, run_experts(step->unit, half));
            computed[step->use] = end;
            continue;
        }
        if (half == (copies ? Half::computations : Half::copies)) continue;
        TUFF_TRY(stream, copies ? copy_of(step->unit, *step->slot) : work_of(step->unit, step->slot));
        std::array<host::Moment, 1> after{};
        if (step->after && half == Half::both) after[0] = (copies ? computed : copied).at(*step->after);
        TUFF_CHECK(stream->submit(after));
        (copies ? copied : computed)[step->use] = stream->last();
        if (copies) copied_bytes_ += placed_[step->unit].image.size();
    }
    return {};
}

std::uint64_t PlacedModel::device_bytes() const {
    std::uint64_t bytes = pool_ ? pool_->device_bytes() : 0;
    for (const host::Buffer& slot : slots_) bytes += slot.size() + host::kTailBytes;
    for (std::size_t i = 0; i < units_.size(); i++)
        if (units_[i].residence == Residence::resident)
            for (const Weights& weights : placed_[i].weights)
                bytes += weights.bytes() + weights.shards.size() * host::kTailBytes;
    return bytes;
}

std::uint64_t PlacedModel::copied_bytes() const {
    return copied_bytes_ + (pool_ ? pool_->copied_bytes() : 0);
}

std::uint64_t PlacedModel::host_bytes() const {
    std::uint64_t bytes = pool_ ? pool_->host_bytes() : 0;
    for (const Placed& placed : placed_)
        if (placed.image) bytes += placed.image.size() + host::kTailBytes;
    return bytes;
}

}  // namespace tuff
