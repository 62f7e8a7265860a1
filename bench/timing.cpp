#include "bench/timing.hpp"

#include <algorithm>
#include <cmath>

#include "bench/clock.hpp"

namespace tuff::bench {
namespace {

bool has_clock(const host::DeviceSnapshot& device) {
    const auto family = host::compute_family(device);
    return family && device.queue_families[*family].timestamp_valid_bits > 0 &&
           device.limits.timestamp_period_ns > 0;
}

// Executions on successive sets, between two timestamps where the device has a clock.
class TimedStream {
  public:
    static Result<TimedStream> record(host::Device& device, const RecordExecution& record,
                                      std::size_t first_set, std::size_t sets, std::size_t executions,
                                      bool device_clock) {
        TimedStream timed(device, executions, device_clock);
        if (device_clock) TUFF_CHECK(timed.stream_.timestamp());
        for (std::size_t i = 0; i < executions; i++)
            TUFF_CHECK(record(timed.stream_, (first_set + i) % sets));
        if (device_clock) TUFF_CHECK(timed.stream_.timestamp());
        timed.last_set_ = (first_set + executions - 1) % sets;
        TUFF_CHECK(timed.stream_.finish());
        return timed;
    }

    // Microseconds of one execution.
    Result<double> run() {
        const auto start = Clock::now();
        TUFF_CHECK(stream_.run());
        double us = seconds_since(start) * 1e6;
        if (device_clock_) {
            TUFF_TRY(times, stream_.timestamps_ns());
            us = (times[1] - times[0]) * 1e-3;
        }
        return us / static_cast<double>(executions_);
    }

    [[nodiscard]] std::size_t last_set() const { return last_set_; }

  private:
    TimedStream(host::Device& device, std::size_t executions, bool device_clock)
        : stream_(device, "measured"), executions_(executions), device_clock_(device_clock) {}
    host::Stream stream_;
    std::size_t executions_, last_set_ = 0;
    bool device_clock_;
};

}  // namespace

Result<Timing> time_executions(host::Device& device, const RecordExecution& record, std::size_t sets,
                               const TimingOptions& options) {
    Timing timing;
    timing.device_clock = has_clock(device.snapshot());

    // The first run compiles and touches memory; the second tells how long one execution takes, and is left
    // out where the first has shown that it takes long.
    constexpr double kLongUs = 250'000;
    TUFF_TRY(single, TimedStream::record(device, record, 0, sets, 1, timing.device_clock));
    TUFF_TRY(estimate_us, single.run());
    if (estimate_us < kLongUs) {
        TUFF_TRY(second_us, single.run());
        estimate_us = second_us;
    }
    // Long enough that the clock's grain, or without a clock submission and wake-up, are below a percent.
    const double enough_us = timing.device_clock ? 200 : 10'000;
    constexpr double kMostExecutions = 256;
    timing.executions_per_sample = static_cast<std::size_t>(
        std::clamp(std::ceil(enough_us / std::max(estimate_us, 0.01)), 1.0, kMostExecutions));

    std::vector<TimedStream> streams;
    for (std::size_t first = 0; first < sets; first += timing.executions_per_sample) {
        TUFF_TRY(stream, TimedStream::record(device, record, first, sets, timing.executions_per_sample,
                                             timing.device_clock));
        streams.push_back(std::move(stream));
    }

    // Every set once, and long enough for clocks to rise; but where one execution is long, one was enough.
    constexpr double kWarmUpSeconds = 0.1, kMostWarmUpSeconds = 0.3;
    auto start = Clock::now();
    std::size_t turn = 0;
    while (estimate_us < kLongUs &&
           seconds_since(start) < (turn < streams.size() ? kMostWarmUpSeconds : kWarmUpSeconds))
        TUFF_CHECK(streams[turn++ % streams.size()].run());

    constexpr std::size_t kMostSamples = 2000;
    const std::size_t reps = std::max<std::size_t>(options.reps, 1);
    start = Clock::now();
    while (timing.samples_us.size() < reps ||
           (timing.samples_us.size() < kMostSamples && seconds_since(start) < options.min_time_s)) {
        TimedStream& stream = streams[turn++ % streams.size()];
        TUFF_TRY(us, stream.run());
        timing.last_set = stream.last_set();
        timing.samples_us.push_back(us);
    }
    return timing;
}

}  // namespace tuff::bench
