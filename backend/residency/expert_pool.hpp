// Experts of a mixture-of-experts model in pinned host memory, of which some are in slots of device memory:
// those a layer asks for are brought there, in place of the ones that were used least recently.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "backend/load/load.hpp"
#include "backend/residency/expert_cache.hpp"
#include "backend/residency/unit_image.hpp"
#include "host/stream.hpp"

namespace tuff {

// Move-only. Used by one thread at a time; the device must outlive it.
class ExpertPool {
  public:
    // Host memory for every expert, and slots, each of the size of the largest one. usage: no slots;
    // out_of_device_memory.
    static Result<ExpertPool> make(host::Device& device, std::vector<ModelUnit> experts, Layout layout,
                                   std::uint32_t slots);
    // What of a file goes to matrix number `matrix` of an expert, to be loaded before it is fetched; valid
    // while the pool stays where it is.
    [[nodiscard]] LoadTask task(std::uint64_t expert, std::size_t matrix);

    struct Fetched {
        // Of each expert asked for, in that order: its matrices, valid until its slot is given to another.
        std::vector<std::span<const Weights>> weights;
        host::Moment ready;  // work with them comes after this
    };
    // Brings the experts one layer needs, each named once, to the device, those that are not there in one
    // submission. They are not replaced before used() has said when the work with them ends. usage: more
    // than there are slots, one named twice or one that does not exist.
    Result<Fetched> fetch(std::span<const std::uint64_t> experts);
    // The work with what was fetched last ends at this moment.
    void used(const host::Moment& end);
    // For measuring: the experts as if they lay in the slots whose turn it is, whatever these hold; by turns,
    // so that no cache holds what is read. usage: as fetch.
    Result<std::vector<std::vector<Weights>>> unfetched(std::span<const std::uint64_t> experts);

    [[nodiscard]] const ExpertCache& cache() const { return cache_; }           // slots, hits and misses
    [[nodiscard]] std::uint64_t copied_bytes() const { return copied_bytes_; }  // by all fetches so far
    [[nodiscard]] std::uint64_t device_bytes() const;                           // as allocated
    [[nodiscard]] std::uint64_t host_bytes() const;                             // pinned

  private:
    struct Expert {
        ModelUnit unit;
        host::Buffer image;
        std::vector<Weights> in_image;  // where it was loaded to
    };
    struct Slot {
        host::Buffer buffer;
        std::vector<Weights> weights;  // of the expert in it
        host::Moment last_use;
    };
    ExpertPool(host::Device& device, Layout layout, std::uint32_t slots)
        : device_(&device), layout_(layout), cache_(slots) {}
    Result<void> check(std::span<const std::uint64_t> experts) const;
    Result<host::Moment> copy(std::span<const ExpertCache::Place> places);

    host::Device* device_;
    Layout layout_;
    ExpertCache cache_;
    std::vector<Expert> experts_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> fetched_;  // slots of the last fetch
    std::deque<host::Stream> copies_;     // the last ones, perhaps still under way
    std::uint64_t copied_bytes_ = 0;
    std::size_t turn_ = 0;  // slot of the next expert unfetched
};

}  // namespace tuff
