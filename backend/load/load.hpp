// Weights from a file into device memory: read, arranged and copied in slices, each step beside the others,
// so that a load takes no longer than its slowest part and holds no more host memory than two small rings.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/load/load_way.hpp"
#include "backend/weights.hpp"

namespace tuff {

// GGUF blocks at `offset` of the file, for weights whose buffers are allocated (Weights::allocate,
// Weights::within).
struct LoadTask {
    std::uint64_t offset = 0;
    Weights* to = nullptr;
};

struct LoadProgress {
    std::uint64_t done_bytes = 0, all_bytes = 0;  // of the file
    double seconds = 0;
};

struct LoadOptions {
    std::optional<LoadWay> way = {};                         // nullopt: choose_load_way()
    std::uint64_t slice_bytes = std::uint64_t{8} << 20;      // at least eight rows are one, though
    unsigned threads = 0;                                    // that arrange; 0: all
    std::function<bool(const LoadProgress&)> progress = {};  // after each slice; false ends the load
    bool checksums = false;
};

struct LoadReport {
    LoadWay way{};
    std::string why;          // it was chosen, and what of it could not be had
    std::uint64_t bytes = 0;  // read
    double seconds = 0;
    std::uint64_t ring_bytes = 0;  // host memory held at most, besides what the weights themselves lie in
    std::vector<std::uint64_t> checksums;  // XXH64 of each task's blocks, where asked for
};

// Loads all tasks in order. io: the file has fewer bytes, or became shorter meanwhile; unsupported: a way
// that was asked for cannot be had; cancelled: progress said so; the errors of transfers. The
// weights are then undefined, the device usable unless it was lost.
Result<LoadReport> load_weights(host::Device& device, const std::string& path,
                                std::span<const LoadTask> tasks, const LoadOptions& options);

}  // namespace tuff
