#include "backend/plan/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "backend/arithmetic.hpp"
#include "host/bytes.hpp"
#include "host/memory.hpp"

namespace tuff {
namespace {

using host::bytes_text;
using host::plus_saturating;
using host::times_saturating;

bool read_by_the_row(std::string_view tensor, bool tied) {
    return (tensor.starts_with("token_embd.") && !tied) || tensor.starts_with("per_layer_token_embd.") ||
           tensor.starts_with("position_embd.");
}

// What a placement keeps on the device at least: all units above `slot` bytes but experts, a ring of slots
// for the rest, and all experts, or slots for those that so many layers use (0: experts are resident).
struct Around {
    std::uint64_t slot = 0, ring = 0, layers = 0;
};

struct Needs {
    std::uint64_t bytes = 0;
    std::uint64_t ring = 0;
    std::uint64_t expert_slots = 0, expert_slot_bytes = 0;
};

bool streamed_in(const Around& around, const Unit& unit) {
    return unit.kind == UnitKind::experts ? around.layers > 0 : unit.bytes <= around.slot;
}

Needs needs_of(const std::vector<Unit>& units, const Around& around) {
    Needs needs;
    std::uint64_t streamed = 0, experts = 0;
    for (const Unit& unit : units) {
        if (unit.kind == UnitKind::embedding) continue;
        if (!streamed_in(around, unit)) {
            needs.bytes = plus_saturating(needs.bytes, times_saturating(unit.bytes, unit.count));
        } else if (unit.kind == UnitKind::experts) {
            experts = plus_saturating(experts, unit.count);
            needs.expert_slots = std::max(needs.expert_slots,
                                          times_saturating(std::min(unit.used, unit.count), around.layers));
            needs.expert_slot_bytes = std::max(needs.expert_slot_bytes, unit.slot_bytes);
        } else {
            streamed++;
        }
    }
    needs.ring = std::min(around.ring, streamed);
    needs.expert_slots = std::min(needs.expert_slots, experts);
    needs.bytes = plus_saturating(needs.bytes, times_saturating(needs.ring, around.slot));
    needs.bytes = plus_saturating(needs.bytes, times_saturating(needs.expert_slots, needs.expert_slot_bytes));
    return needs;
}

// With a ring of so many slots, and experts' slots for so many layers: each size of the ring's slots, no ring
// first, experts resident and not.
std::vector<Around> all_around(const std::vector<Unit>& units, std::uint64_t ring, std::uint64_t layers) {
    std::set<std::uint64_t> sizes{0};
    bool experts = false;
    for (const Unit& unit : units) {
        if (unit.kind == UnitKind::experts) experts = true;
        if (unit.kind == UnitKind::layer || unit.kind == UnitKind::output) sizes.insert(unit.bytes);
    }
    std::vector<Around> all;
    for (const std::uint64_t size : sizes) {
        all.push_back({size, ring, 0});
        if (experts) all.push_back({size, ring, layers});
    }
    return all;
}

void count(Residency& residency) {
    for (const PlacedUnit& placed : residency.units) {
        residency.resident_units += placed.resident;
        residency.host_visible_units += placed.host_visible;
        residency.streamed_units += placed.streamed;
        residency.resident_bytes += placed.resident * placed.unit.bytes;
        residency.host_bytes +=
            placed.host_visible * placed.unit.bytes +
            placed.streamed *
                (placed.unit.kind == UnitKind::experts ? placed.unit.slot_bytes : placed.unit.bytes);
    }
}

// Everything that has to be, the ring, and then by turns what still fits.
std::optional<Residency> place_around(const std::vector<Unit>& units, std::uint64_t bytes,
                                      const Around& around) {
    const Needs needs = needs_of(units, around);
    if (needs.bytes > bytes) return std::nullopt;
    std::uint64_t left = bytes - needs.bytes, streamed_layers = 0;
    Residency residency;
    for (const Unit& unit : units) {
        PlacedUnit placed{unit, 0, 0, 0};
        if (unit.kind == UnitKind::embedding)
            placed.host_visible = unit.count;
        else if (streamed_in(around, unit))
            placed.streamed = unit.count;
        else
            placed.resident = unit.count;
        residency.units.push_back(placed);
    }
    for (const UnitKind kind : {UnitKind::output, UnitKind::layer})
        for (PlacedUnit& placed : residency.units) {
            if (placed.unit.kind != kind || placed.streamed == 0) continue;
            if (placed.unit.bytes > left) {
                streamed_layers++;
                continue;
            }
            left -= placed.unit.bytes;
            std::swap(placed.resident, placed.streamed);
        }
    count(residency);
    residency.slots = std::min(needs.ring, streamed_layers);
    residency.slot_bytes = residency.slots > 0 ? around.slot : 0;
    residency.expert_slot_bytes = needs.expert_slot_bytes;
    if (needs.expert_slot_bytes > 0)
        residency.expert_slots =
            std::min(residency.streamed_experts(), needs.expert_slots + left / needs.expert_slot_bytes);
    return residency;
}

// What a token brings to the device, if as many experts are found there as have slots.
double streamed_bytes(const Residency& residency) {
    const std::uint64_t experts = residency.streamed_experts();
    double bytes = 0;
    for (const PlacedUnit& placed : residency.units) {
        const auto each = static_cast<double>(placed.unit.bytes);
        if (placed.unit.kind != UnitKind::experts)
            bytes += each * static_cast<double>(placed.streamed);
        else if (placed.streamed > 0)
            bytes += each * static_cast<double>(placed.unit.used) *
                     static_cast<double>(experts - residency.expert_slots) / static_cast<double>(experts);
    }
    return bytes;
}

}  // namespace

std::string Unit::name() const {
    switch (kind) {
        case UnitKind::embedding:
            return "embedding";
        case UnitKind::layer:
            return fmt::format("layer {}", layer);
        case UnitKind::experts:
            return fmt::format("{} experts of layer {}", count, layer);
        case UnitKind::output:
            return "output";
    }
    return "";
}

std::uint64_t Residency::streamed_experts() const {
    std::uint64_t experts = 0;
    for (const PlacedUnit& placed : units)
        if (placed.unit.kind == UnitKind::experts) experts += placed.streamed;
    return experts;
}

std::vector<Unit> make_units(const Model& model, const WeightsPlan& weights) {
    const std::size_t layers = model.shape.layers.size();
    Unit embedding{UnitKind::embedding}, output{UnitKind::output};
    std::vector<Unit> dense(layers), experts(layers);
    for (std::size_t i = 0; i < layers; i++) {
        dense[i].kind = UnitKind::layer;
        experts[i].kind = UnitKind::experts;
        dense[i].layer = experts[i].layer = static_cast<std::uint32_t>(i);
    }
    for (std::size_t i = 0; i < model.tensors.size(); i++) {
        const ModelTensor& tensor = model.tensors[i];
        const auto layer = layer_of(tensor.name);
        // A stack shares its buffers, so an expert's part is rounded up.
        const bool of_experts = layer && *layer < layers && is_expert_stack(tensor) && tensor.dims[2] > 0;
        Unit& unit = of_experts                                                  ? experts[*layer]
                     : layer && *layer < layers                                  ? dense[*layer]
                     : read_by_the_row(tensor.name, model.shape.tied_embeddings) ? embedding
                                                                                 : output;
        if (of_experts) {
            unit.count = tensor.dims[2];
            unit.used = std::clamp<std::uint64_t>(model.shape.layers[*layer].experts_used, 1, unit.count);
            unit.slot_bytes += round_up(weights.tensors[i].part_bytes, host::kAddressAlignment) +
                               (unit.slot_bytes == 0 ? host::kTailBytes : 0);
        }
        unit.bytes = plus_saturating(unit.bytes, ceil_div(weights.tensors[i].device_bytes, unit.count));
        unit.elements += tensor.elements() / unit.count;
        unit.tensors.push_back(i);
    }
    std::vector<Unit> units;
    const auto add = [&](const Unit& unit) {
        if (unit.bytes > 0) units.push_back(unit);
    };
    add(embedding);
    for (std::size_t i = 0; i < layers; i++) {
        add(dense[i]);
        add(experts[i]);
    }
    add(output);
    return units;
}

std::uint64_t least_bytes(const std::vector<Unit>& units) {
    std::uint64_t least = ~std::uint64_t{0};
    for (const Around& around : all_around(units, 2, 1))
        least = std::min(least, needs_of(units, around).bytes);
    return least;
}

Result<Residency> place_units(const std::vector<Unit>& units, std::uint64_t bytes) {
    std::uint64_t all = 0;
    for (const Unit& unit : units) all = plus_saturating(all, times_saturating(unit.bytes, unit.count));
    if (all <= bytes) {
        Residency residency;
        for (const Unit& unit : units) residency.units.push_back({unit, unit.count, 0, 0});
        count(residency);
        return residency;
    }
    // The fewest bytes to bring over the bus; less room in slots only where there is no choice.
    std::optional<Residency> best;
    for (const auto& [ring, layers] : {std::pair{kRingSlots, std::uint64_t{2}}, {2, 1}}) {
        if (best) break;
        for (const Around& around : all_around(units, ring, layers)) {
            auto one = place_around(units, bytes, around);
            if (one && (!best || streamed_bytes(*one) < streamed_bytes(*best))) best = std::move(one);
        }
    }
    if (best) return std::move(*best);
    return fail(
        ErrorCode::out_of_device_memory,
        "{} of device memory are left for weights; this model needs at least {} even with all streamed",
        bytes_text(bytes), bytes_text(least_bytes(units)));
}

}  // namespace tuff
