// A model whose weights lie where its plan put them: in device memory, in host memory that the device reads
// in place, or in host memory from where they are brought into a few slots of device memory ahead of their
// use.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/load/load.hpp"
#include "backend/residency/schedule.hpp"
#include "backend/weights.hpp"
#include "host/stream.hpp"

namespace tuff {

enum class Residence : std::uint8_t { resident, host_visible, streamed };
[[nodiscard]] std::string_view residence_name(Residence residence);

// A piece of a model that is brought to the device as one, a layer mostly, and where it is to lie.
struct ModelUnit {
    struct Matrix {
        std::string name;
        const Format* format = nullptr;
        MatrixShape shape;
        std::uint64_t offset = 0;  // of its blocks in the file
        bool is_vector = false;    // stays as in the file, whatever the layout of matrices
    };
    std::string name;
    std::vector<Matrix> matrices;
    Residence residence{};
};

// Bytes of a unit's matrices one after the other, arranged, each at a multiple of host::kAddressAlignment:
// what a slot has to hold. The errors of matrix_bytes.
[[nodiscard]] Result<std::uint64_t> image_bytes(const ModelUnit& unit, Layout layout);
// The unit's matrices in a buffer of so many bytes.
[[nodiscard]] Result<std::vector<Weights>> weights_in(const host::Buffer& image, const ModelUnit& unit,
                                                      Layout layout);

// Adds what load_weights takes to bring the unit to `weights`, which are in the order of its matrices.
void add_tasks(std::vector<LoadTask>& tasks, const ModelUnit& unit, std::span<Weights> weights);

// Move-only. Used by one thread at a time; the device must outlive it.
class PlacedModel {
  public:
    // Records the work of unit number `unit` with its weights, which lie in `weights` in the order of its
    // matrices. The buffers it names must outlive the model.
    using Record =
        std::function<Result<void>(host::Stream& stream, std::size_t unit, std::span<const Weights> weights)>;

    // Loads every unit to its place. `slots`: for streamed units, at least 2 where there are any; each has
    // the size of the largest one. usage: too few slots; out_of_device_memory: a place lacks room, or a unit
    // is larger than a buffer of the device may be; the errors of load_weights.
    static Result<PlacedModel> load(host::Device& device, const std::string& path,
                                    std::vector<ModelUnit> units, Layout layout, std::uint32_t slots,
                                    Record record, const LoadOptions& options);

    // Runs all units in order `passes` times, copies ahead of computations, and waits for the end. One half
    // of the work alone is for measuring: streamed units are then computed with whatever their slots hold, or
    // brought to them and left alone.
    enum class Half { both, copies, computations };
    Result<void> run(std::uint64_t passes, Half half = Half::both);

    [[nodiscard]] const LoadReport& loaded() const { return loaded_; }
    [[nodiscard]] std::uint64_t device_bytes() const;    // of resident units and slots, as allocated
    [[nodiscard]] std::uint64_t host_bytes() const;      // pinned
    [[nodiscard]] std::uint64_t streamed_bytes() const;  // copied in every pass
    [[nodiscard]] std::span<const ModelUnit> units() const { return units_; }

  private:
    struct Placed {
        std::vector<Weights> weights;  // where the unit was loaded to
        host::Buffer image;            // of a unit that is not resident: all of it, in host memory
    };
    explicit PlacedModel(host::Device& device) : device_(&device) {}
    Result<void> place(std::uint32_t slots);
    Result<host::Stream*> copy_of(std::size_t unit, std::uint32_t slot);
    Result<host::Stream*> work_of(std::size_t unit, std::optional<std::uint32_t> slot);

    host::Device* device_;
    Layout layout_{};
    Record record_;
    std::vector<ModelUnit> units_;
    std::vector<Placed> placed_;
    std::vector<host::Buffer> slots_;
    LoadReport loaded_;
    // Recorded when first needed, then run again and again.
    using Key = std::pair<std::size_t, std::uint32_t>;  // unit and slot; kNoSlot where the unit has none
    static constexpr std::uint32_t kNoSlot = ~0U;
    std::map<Key, host::Stream> copies_, work_;
    std::map<Key, std::vector<Weights>> in_slots_;
};

}  // namespace tuff
