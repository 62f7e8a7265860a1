// What `tuff load` says.
#pragma once

#include <string>

#include "bench/load_model.hpp"

namespace tuff::tools {

struct LoadModelReport {
    std::string model;   // the path
    std::string device;  // its name and kind
    std::string layout;
    bool transfer_queue = false;  // the device has one beside the compute queue
    bench::LoadMeasurement measured;
};

// "[######----]  60 %  2.6 of 4.4 GiB  3.1 GB/s".
[[nodiscard]] std::string progress_text(const LoadProgress& progress);

[[nodiscard]] std::string load_text(const LoadModelReport& report);
[[nodiscard]] std::string load_json(const LoadModelReport& report);

}  // namespace tuff::tools
