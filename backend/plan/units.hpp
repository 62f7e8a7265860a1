// The pieces a model is kept or brought to a device in: a layer, an expert, what stands before and behind the
// layers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/model/model.hpp"
#include "backend/plan/weights.hpp"

namespace tuff {

enum class UnitKind : std::uint8_t {
    embedding,  // tables of which a token needs one row
    layer,      // all of a layer but its experts
    experts,    // `count` units of the same size, of which a token needs `used`
    output,     // the output matrix, and what is needed beside all layers
};

struct Unit {
    UnitKind kind{};
    std::uint32_t layer = 0;
    std::uint64_t count = 1, used = 1;
    std::uint64_t bytes = 0;                // of one, on the device
    std::uint64_t elements = 0;             // of one
    std::vector<std::size_t> tensors = {};  // of Model::tensors; stacks where there are several units
    std::uint64_t slot_bytes = 0;           // of one expert in a buffer of its own

    [[nodiscard]] std::string name() const;  // "layer 3", "128 experts of layer 3"
};

// In the order of their use. Every tensor's bytes are in one of them.
[[nodiscard]] std::vector<Unit> make_units(const Model& model, const WeightsPlan& weights);

// How a model is split between a device and the host.
struct PlacedUnit {
    Unit unit;
    std::uint64_t resident = 0;      // of unit.count: in device memory
    std::uint64_t host_visible = 0;  // in host memory, read from there in place
    std::uint64_t streamed = 0;      // in host memory, brought to the device before each use
};

struct Residency {
    std::vector<PlacedUnit> units;
    std::uint64_t resident_units = 0, host_visible_units = 0, streamed_units = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t slots = 0, slot_bytes = 0;  // device memory that streamed layers pass through
    // Device memory for experts that are not resident: none or all of them. Those that were used last stay.
    std::uint64_t expert_slots = 0, expert_slot_bytes = 0;
    std::uint64_t host_bytes = 0;  // pinned, for what is not resident

    [[nodiscard]] std::uint64_t device_bytes() const {
        return resident_bytes + slots * slot_bytes + expert_slots * expert_slot_bytes;
    }
    [[nodiscard]] std::uint64_t streamed_experts() const;
};

// The bytes of device memory without which the units cannot be used at all: nothing resident but what is
// larger than any slot would be, and slots for the experts that one layer uses.
[[nodiscard]] std::uint64_t least_bytes(const std::vector<Unit>& units);

// Places the units in `bytes` of device memory: all resident if they fit; else tables that are read by the
// row stay with the host, and if the rest does not fit either, as much as possible is resident, the output
// first, then layers, beside a ring of `kRingSlots` slots for the other layers. Experts are all resident or
// all streamed; slots for them, at least as many as two layers use, take what is left. Where that does not
// fit, two slots of the ring and one layer's experts do. out_of_device_memory: less than least_bytes(), which
// the message says.
inline constexpr std::uint64_t kRingSlots = 3;
[[nodiscard]] Result<Residency> place_units(const std::vector<Unit>& units, std::uint64_t bytes);

}  // namespace tuff
