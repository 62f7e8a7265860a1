#include "bench/streaming.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

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

struct Found {
    std::uint64_t hits = 0, misses = 0;
};
// By all fetches so far.
Found found_experts(const PlacedModel& model) {
    if (model.experts() == nullptr) return {};
    return {model.experts()->cache().hits(), model.experts()->cache().misses()};
}

}  // namespace

Result<ReadUnits> ReadUnits::make(Session& session, std::uint64_t largest) {
    ReadUnits made(session);
    TUFF_TRY(sums, session.device().allocate(host::Intent::scratch,
                                             most_sum_bytes(session.snapshot(), largest), "sums"));
    made.sums_ = std::move(sums);
    return made;
}

Result<void> ReadUnits::record(host::Stream& stream, std::span<const Weights> weights, std::uint64_t used,
                               std::uint64_t count) const {
    for (const Weights& matrix : weights)
        for (const Weights::Shard& shard : matrix.shards) {
            TUFF_TRY(read, shard.buffer.part(0, shard.buffer.size() / count * used));
            const std::vector<ReadKernel> kernels = read_kernels(session_->snapshot(), read.size());
            if (kernels.empty()) continue;  // too few bytes for a workgroup
            TUFF_CHECK(record_read(stream, session_->device(), kernels.front(), read, sums_));
        }
    return {};
}

std::function<std::vector<std::uint64_t>(std::size_t unit)> random_experts(const Residency& residency) {
    struct Choice {
        std::uint64_t count, used;
    };
    std::vector<Choice> choices;
    for (const PlacedUnit& placed : residency.units) choices.push_back({placed.unit.count, placed.unit.used});
    return [choices = std::move(choices), random = std::mt19937_64(1)](std::size_t unit) mutable {
        std::vector<std::uint64_t> experts(choices[unit].count);
        std::iota(experts.begin(), experts.end(), std::uint64_t{0});
        for (std::uint64_t i = 0; i < choices[unit].used; i++)
            std::swap(experts[i], experts[i + random() % (experts.size() - i)]);
        experts.resize(choices[unit].used);
        return experts;
    };
}

double StreamRates::gbps() const {
    return gbps_of(bytes, both_s);
}

double StreamRates::copy_gbps() const {
    return gbps_of(copy_bytes, copy_s);
}

double StreamRates::overlap() const {
    const double shorter = std::min(copy_s, compute_s);
    return shorter > 0 ? (copy_s + compute_s - both_s) / shorter : 0;
}

double StreamRates::hit_rate() const {
    const std::uint64_t all = expert_hits + expert_misses;
    return all > 0 ? static_cast<double>(expert_hits) / static_cast<double>(all) : 0;
}

Result<StreamRates> measure_streaming(PlacedModel& model, std::uint64_t passes,
                                      const std::function<bool()>& stop) {
    using Half = PlacedModel::Half;
    StreamRates rates;
    rates.passes = passes;
    TUFF_CHECK(model.run(1));  // records and compiles
    for (const auto& [half, seconds] : {std::pair{Half::copies, &rates.copy_s},
                                        {Half::computations, &rates.compute_s},
                                        {Half::both, &rates.both_s}}) {
        std::vector<double> samples;
        const std::uint64_t before = model.copied_bytes();
        const Found found = found_experts(model);
        for (std::uint64_t pass = 0; pass < passes; pass++) {
            if (stop && stop())
                return fail(ErrorCode::cancelled, "streaming was cancelled in pass {} of {}", pass + 1,
                            passes);
            const auto start = Clock::now();
            TUFF_CHECK(model.run(1, half));
            samples.push_back(seconds_since(start));
        }
        *seconds = summarize(samples).median;
        if (half == Half::copies) rates.copy_bytes = (model.copied_bytes() - before) / passes;
        if (half != Half::both) continue;
        rates.bytes = (model.copied_bytes() - before) / passes;
        rates.expert_hits = found_experts(model).hits - found.hits;
        rates.expert_misses = found_experts(model).misses - found.misses;
    }
    return rates;
}

}  // namespace tuff::bench
