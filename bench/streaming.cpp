#include "bench/streaming.hpp"

#include <algorithm>

#include "bench/clock.hpp"
#include "bench/statistics.hpp"

namespace tuff::bench {
namespace {

std::uint64_t sum_bytes(const ReadKernel& how) {
    return std::uint64_t{how.workgroups} * how.invocations * sizeof(float);
}

// Of any buffer of up to `largest` bytes. One too small for a workgroup of the first kernel gets the next,
// and each kernel writes the most for the largest buffer it gets.
std::uint64_t most_sum_bytes(const host::DeviceSnapshot& device, std::uint64_t largest) {
    std::uint64_t most = 0;
    for (std::uint64_t bytes = largest; bytes > 0;) {
        const std::vector<ReadKernel> kernels = read_kernels(device, bytes);
        if (kernels.empty()) break;
        const ReadKernel& first = kernels.front();
        most = std::max(most, sum_bytes(first));
        bytes = first.bytes / first.workgroups - 1;
    }
    return most;
}

}  // namespace

Result<ReadUnits> ReadUnits::make(Session& session, std::uint64_t largest) {
    ReadUnits made(session);
    TUFF_TRY(sums, session.device().allocate(host::Intent::scratch,
                                             most_sum_bytes(session.snapshot(), largest), "sums"));
    made.sums_ = std::move(sums);
    return made;
}

Result<void> ReadUnits::record(host::Stream& stream, std::span<const Weights> weights) const {
    for (const Weights& matrix : weights)
        for (const Weights::Shard& shard : matrix.shards) {
            const std::vector<ReadKernel> kernels = read_kernels(session_->snapshot(), shard.buffer.size());
            if (kernels.empty()) continue;  // too few bytes for a workgroup
            TUFF_CHECK(record_read(stream, session_->device(), kernels.front(), shard.buffer, sums_));
        }
    return {};
}

double StreamRates::gbps() const {
    return gbps_of(bytes, both_s);
}

double StreamRates::copy_gbps() const {
    return gbps_of(bytes, copy_s);
}

double StreamRates::overlap() const {
    const double shorter = std::min(copy_s, compute_s);
    return shorter > 0 ? (copy_s + compute_s - both_s) / shorter : 0;
}

Result<StreamRates> measure_streaming(PlacedModel& model, std::uint64_t passes,
                                      const std::function<bool()>& stop) {
    using Half = PlacedModel::Half;
    StreamRates rates;
    rates.passes = passes;
    rates.bytes = model.streamed_bytes();
    TUFF_CHECK(model.run(1));  // records and compiles
    for (const auto& [half, seconds] : {std::pair{Half::copies, &rates.copy_s},
                                        {Half::computations, &rates.compute_s},
                                        {Half::both, &rates.both_s}}) {
        std::vector<double> samples;
        for (std::uint64_t pass = 0; pass < passes; pass++) {
            if (stop && stop())
                return fail(ErrorCode::cancelled, "streaming was cancelled in pass {} of {}", pass + 1,
                            passes);
            const auto start = Clock::now();
            TUFF_CHECK(model.run(1, half));
            samples.push_back(seconds_since(start));
        }
        *seconds = summarize(samples).median;
    }
    return rates;
}

}  // namespace tuff::bench
