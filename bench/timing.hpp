// Times work recorded into streams: warm-up, rotation over copies of the operands, repetition. Every figure
// comes from here.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <functional>
#include <vector>

#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff::bench {

struct TimingOptions {
    std::size_t reps = 5;     // at least so many samples,
    double min_time_s = 0.2;  // and as many as fit into this time
};

struct Timing {
    std::vector<double> samples_us;  // of one execution each
    std::size_t executions_per_sample = 1;
    std::size_t last_set = 0;  // that the last execution used
    bool device_clock =
        false;  // timestamps of the device; otherwise the host's clock around submission and wait
};

// Records one execution on copy `set` of the operands.
using RecordExecution = std::function<Result<void>(host::Stream& stream, std::size_t set)>;

// Times `record` over sets 0, 1, ..., sets - 1, 0, ... One execution must write something the next writes as
// well, so that they run one after the other. Short executions are recorded several to a stream, and a sample
// is the stream's time divided.
Result<Timing> time_executions(host::Device& device, const RecordExecution& record, std::size_t sets,
                               const TimingOptions& options);

}  // namespace tuff::bench
