#include "backend/residency/placed_model.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "backend/arithmetic.hpp"
#include "host/bytes.hpp"

namespace tuff {
namespace {

std::uint64_t aligned(std::uint64_t bytes) {
    return round_up(bytes, host::kAddressAlignment);
}

Layout layout_of(const ModelUnit::Matrix& matrix, Layout layout) {
    return matrix.is_vector ? Layout::blocks : layout;
}

// Whether a stack's shape is possible, and its bytes.
Result<std::uint64_t> stack_bytes(const ModelUnit::Matrix& matrix, Layout layout) {
    TUFF_TRY(one, matrix_bytes(*matrix.format, layout_of(matrix, layout), matrix.shape));
    return one * matrix.shape.batches;
}

// Computations handed to the device before earlier ones are over: enough that its queue never runs dry.
constexpr std::uint32_t kAhead = 3;

}  // namespace

std::string_view residence_name(Residence residence) {
    switch (residence) {
        case Residence::resident:
            return "resident";
        case Residence::host_visible:
            return "host-visible";
        case Residence::streamed:
            return "streamed";
    }
    return "";
}

Result<std::uint64_t> image_bytes(const ModelUnit& unit, Layout layout) {
    std::uint64_t bytes = 0;
    for (const ModelUnit::Matrix& matrix : unit.matrices) {
        TUFF_TRY(one, stack_bytes(matrix, layout));
        bytes += aligned(one);
    }
    return bytes;
}

Result<std::vector<Weights>> weights_in(const host::Buffer& image, const ModelUnit& unit, Layout layout) {
    std::vector<Weights> weights;
    std::uint64_t at = 0;
    for (const ModelUnit::Matrix& matrix : unit.matrices) {
        TUFF_TRY(one, Weights::within(image, at, *matrix.format, layout_of(matrix, layout), matrix.shape));
        at += aligned(one.bytes());
        weights.push_back(std::move(one));
    }
    return weights;
}

void add_tasks(std::vector<LoadTask>& tasks, const ModelUnit& unit, std::span<Weights> weights) {
    for (std::size_t m = 0; m < unit.matrices.size(); m++)
        tasks.push_back({unit.matrices[m].offset, &weights[m]});
}

Result<PlacedModel> PlacedModel::load(host::Device& device, const std::string& path,
                                      std::vector<ModelUnit> units, Layout layout, std::uint32_t slots,
                                      Record record, const LoadOptions& options) {
    PlacedModel model(device);
    model.layout_ = layout;
    model.record_ = std::move(record);
    model.units_ = std::move(units);
    TUFF_CHECK(model.place(slots));
    std::vector<LoadTask> tasks;
    for (std::size_t i = 0; i < model.units_.size(); i++)
        add_tasks(tasks, model.units_[i], model.placed_[i].weights);
    TUFF_TRY(report, load_weights(device, path, tasks, options));
    model.loaded_ = std::move(report);
    return model;
}

Result<void> PlacedModel::place(std::uint32_t slots) {
    std::uint64_t slot_bytes = 0;
    for (const ModelUnit& unit : units_) {
        TUFF_TRY(bytes, image_bytes(unit, layout_));
        if (unit.residence == Residence::streamed) slot_bytes = std::max(slot_bytes, bytes);
    }
    if (slot_bytes > 0) {
        if (slots < 2)
            return fail(ErrorCode::usage,
                        "streaming takes at least 2 slots, not {}: one is used while the next is filled",
                        slots);
        for (std::uint32_t i = 0; i < slots; i++) {
            TUFF_TRY(slot, device_->allocate(host::Intent::weights, slot_bytes, "slot"));
            slots_.push_back(std::move(slot));
        }
    }
    for (std::size_t i = 0; i < units_.size(); i++) {
        const ModelUnit& unit = units_[i];
        Placed& placed = placed_.emplace_back();
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
    TUFF_CHECK(record_(stream, unit, weights));
    TUFF_CHECK(stream.finish());
    return &work_.emplace(key, std::move(stream)).first->second;
}

Result<void> PlacedModel::run(std::uint64_t passes, Half half) {
    std::vector<bool> streamed;
    for (const ModelUnit& unit : units_) streamed.push_back(unit.residence == Residence::streamed);
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
        if (half == (copies ? Half::computations : Half::copies)) continue;
        TUFF_TRY(stream, copies ? copy_of(step->unit, *step->slot) : work_of(step->unit, step->slot));
        std::array<host::Moment, 1> after{};
        if (step->after && half == Half::both) after[0] = (copies ? computed : copied).at(*step->after);
        TUFF_CHECK(stream->submit(after));
        (copies ? copied : computed)[step->use] = stream->last();
    }
    return {};
}

std::uint64_t PlacedModel::device_bytes() const {
    std::uint64_t bytes = 0;
    for (const host::Buffer& slot : slots_) bytes += slot.size() + host::kTailBytes;
    for (std::size_t i = 0; i < units_.size(); i++)
        if (units_[i].residence == Residence::resident)
            for (const Weights& weights : placed_[i].weights)
                bytes += weights.bytes() + weights.shards.size() * host::kTailBytes;
    return bytes;
}

std::uint64_t PlacedModel::streamed_bytes() const {
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < units_.size(); i++)
        if (units_[i].residence == Residence::streamed) bytes += placed_[i].image.size();
    return bytes;
}

std::uint64_t PlacedModel::host_bytes() const {
    std::uint64_t bytes = 0;
    for (const Placed& placed : placed_)
        if (placed.image) bytes += placed.image.size() + host::kTailBytes;
    return bytes;
}

}  // namespace tuff
