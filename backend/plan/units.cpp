#include "backend/plan/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "backend/arithmetic.hpp"
#include "host/bytes.hpp"

namespace tuff {
namespace {

using host::bytes_text;
using host::plus_saturating;
using host::times_saturating;

bool read_by_the_row(std::string_view tensor, bool tied) {
    return (tensor.starts_with("token_embd.") && !tied) || tensor.starts_with("per_layer_token_embd.") ||
           tensor.starts_with("position_embd.");
}

// What has to be resident if streamed units are at most `slot` bytes large, and how many units are streamed
// then.
struct Split {
    std::uint64_t resident_bytes = 0;
    std::uint64_t streamable = 0;
};
Split split_at(const std::vector<Unit>& units, std::uint64_t slot) {
    Split split;
    for (const Unit& unit : units) {
        if (unit.kind == UnitKind::embedding) continue;
        if (unit.bytes > slot)
            split.resident_bytes =
                plus_saturating(split.resident_bytes, times_saturating(unit.bytes, unit.count));
        else
            split.streamable += unit.count;
    }
    return split;
}

std::set<std::uint64_t> unit_sizes(const std::vector<Unit>& units) {
    std::set<std::uint64_t> sizes;
    for (const Unit& unit : units)
        if (unit.kind != UnitKind::embedding && unit.bytes > 0) sizes.insert(unit.bytes);
    return sizes;
}

void count(Residency& residency) {
    for (const PlacedUnit& placed : residency.units) {
        residency.resident_units += placed.resident;
        residency.host_visible_units += placed.host_visible;
        residency.streamed_units += placed.streamed;
        residency.resident_bytes += placed.resident * placed.unit.bytes;
        residency.host_bytes += (placed.host_visible + placed.streamed) * placed.unit.bytes;
    }
}

// Everything above a slot's size resident, the ring, and then by turns what still fits.
std::optional<Residency> place_around(const std::vector<Unit>& units, std::uint64_t bytes, std::uint64_t slot,
                                      std::uint64_t slots) {
    const Split split = split_at(units, slot);
    slots = std::min(slots, split.streamable);
    const std::uint64_t needed = plus_saturating(split.resident_bytes, times_saturating(slots, slot));
    if (needed > bytes) return std::nullopt;
    std::uint64_t left = bytes - needed;
    Residency residency;
    for (const Unit& unit : units) {
        PlacedUnit placed{unit, 0, 0, 0};
        if (unit.kind == UnitKind::embedding)
            placed.host_visible = unit.count;
        else if (unit.bytes > slot)
            placed.resident = unit.count;
        else
            placed.streamed = unit.count;
        residency.units.push_back(placed);
    }
    for (const UnitKind kind : {UnitKind::output, UnitKind::layer, UnitKind::experts})
        for (PlacedUnit& placed : residency.units) {
            if (placed.unit.kind != kind || placed.streamed == 0 || placed.unit.bytes == 0) continue;
            const std::uint64_t moved = std::min(placed.streamed, left / placed.unit.bytes);
            placed.resident += moved;
            placed.streamed -= moved;
            left -= moved * placed.unit.bytes;
        }
    count(residency);
    residency.slots = std::min(slots, residency.streamed_units);
    residency.slot_bytes = residency.slots > 0 ? slot : 0;
    return residency;
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
            unit.used = std::max<std::uint64_t>(model.shape.layers[*layer].experts_used, 1);
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
    std::uint64_t least = 0;
    for (const Unit& unit : units)
        if (unit.kind != UnitKind::embedding)
            least = plus_saturating(least, times_saturating(unit.bytes, unit.count));
    for (const std::uint64_t slot : unit_sizes(units)) {
        const Split split = split_at(units, slot);
        const std::uint64_t ring = times_saturating(std::min<std::uint64_t>(2, split.streamable), slot);
        least = std::min(least, plus_saturating(split.resident_bytes, ring));
    }
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
    // The fewest bytes to bring over the bus; a third slot where there is a choice of as many resident bytes.
    std::optional<Residency> best;
    for (const std::uint64_t slots : {kRingSlots, std::uint64_t{2}}) {
        if (best) break;
        for (const std::uint64_t slot : unit_sizes(units)) {
            auto one = place_around(units, bytes, slot, slots);
            if (one && (!best || one->resident_bytes > best->resident_bytes)) best = std::move(one);
        }
    }
    if (best) return std::move(*best);
    return fail(
        ErrorCode::out_of_device_memory,
        "{} of device memory are left for weights; this model needs at least {} even with all streamed",
        bytes_text(bytes), bytes_text(least_bytes(units)));
}

}  // namespace tuff
