// Loading a whole model as its plan places it, timed, and beside what its parts take alone.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend/plan/units.hpp"
#include "backend/residency/placed_model.hpp"
#include "bench/session.hpp"
#include "bench/streaming.hpp"

namespace tuff::bench {

struct LoadModelOptions {
    std::string model;                    // a GGUF file
    std::optional<LoadWay> way;           // nullopt: what suits the device and the file
    std::optional<std::uint64_t> budget;  // of device memory, for weights; nullopt: what is free
    std::uint64_t passes = 0;             // through the units once loaded
    bool checksums = false;
    bool rates = false;                                 // of reading alone and of copying to the device alone
    unsigned threads = 0;                               // that arrange; 0: all
    std::function<bool(const LoadProgress&)> progress;  // false ends the load
    std::function<bool()> stop;                         // true ends the passes
};

struct LoadMeasurement {
    std::string weights;  // "q4_k 3.2 GiB, q6_k 1.2 GiB"
    Residency residency;
    LoadReport load;
    std::uint64_t budget_bytes = 0;
    std::uint64_t device_bytes = 0, host_bytes = 0;  // as allocated
    // Memory of this process, beyond what it had before, at most while loading; what explains it: rings,
    // pinned memory, and where the device's memory is the host's, that. 0: the system does not tell.
    std::uint64_t peak_bytes = 0, explained_bytes = 0;
    double read_gbps = 0, copy_gbps = 0;  // alone, where asked for
    std::optional<StreamRates> stream;
    std::vector<std::pair<std::string, std::uint64_t>> checksums;  // XXH64 by tensor, in the order loaded
    std::vector<std::string> left_out;                             // tensors without kernels

    [[nodiscard]] double gbps() const;
    [[nodiscard]] double share_of_slower() const;  // of read_gbps and copy_gbps; 0 where they are not known
};

// out_of_device_memory: less budget than the least that works; the errors of PlacedModel::load and
// measure_streaming, of reading the file and of what it describes.
Result<LoadMeasurement> load_model(Session& session, const LoadModelOptions& options);

}  // namespace tuff::bench
