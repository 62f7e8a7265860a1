#include "bench/transfers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "bench/clock.hpp"
#include "bench/guarded.hpp"
#include "bench/roof_kernels.hpp"
#include "bench/statistics.hpp"
#include "bench/transfer_paths.hpp"
#include "host/stream.hpp"

namespace tuff::bench {
namespace {

// Microseconds of each run; the first one touches memory and compiles, and is left out.
Result<std::vector<double>> time_runs(const std::function<Result<void>()>& run,
                                      const TimingOptions& options) {
    TUFF_CHECK(run());
    std::vector<double> samples;
    const auto begin = Clock::now();
    while (samples.size() < options.reps || seconds_since(begin) < options.min_time_s) {
        const auto start = Clock::now();
        TUFF_CHECK(run());
        samples.push_back(seconds_since(start) * 1e6);
    }
    return samples;
}

CaseResult row(std::string label) {
    CaseResult result;
    result.op = Op::transfer;
    result.label = std::move(label);
    return result;
}

Result<void> measure_path(Session& session, const TransferKind& kind, std::uint64_t bytes,
                          const TimingOptions& options, CaseResult& result) {
    TUFF_TRY(path, kind.make(session, bytes));
    TUFF_TRY(samples, time_runs([&] { return path->run(); }, options));
    TUFF_TRY(arrived, path->arrived());
    if (!arrived) return fail(ErrorCode::internal, "not all bytes arrived as they were sent");
    result.bytes = bytes;
    result.samples_us = std::move(samples);
    const double median = summarize(result.samples_us).median;
    if (median > 0) result.gbps = static_cast<double>(bytes) / median * 1e-3;
    return {};
}

// A copy to the device on one queue beside multiply-adds on the other, which take about as long.
Result<void> measure_overlap(Session& session, std::uint64_t bytes, const TimingOptions& options,
                             CaseResult& result) {
    host::Device& device = session.device();
    if (!device.has_transfer_queue())
        return fail(ErrorCode::unsupported, "the device has one queue: copies and kernels take turns");
    TUFF_TRY(from, device.allocate(host::Intent::upload, bytes, "pinned"));
    TUFF_TRY(to, device.allocate(host::Intent::weights, bytes, "transfer"));
    host::Stream copy(device, "copy", host::Queue::transfer);
    TUFF_CHECK(copy.copy(from, 0, to, 0, bytes));
    TUFF_CHECK(copy.finish());
    TUFF_TRY(copying, time_runs([&] { return copy.run(); }, options));
    const double copy_us = summarize(copying).median;

    const std::vector<FmaKernel> kernels = fma_kernels(session.snapshot());
    if (kernels.empty()) return fail(ErrorCode::unsupported, "no kernel to compute with");
    FmaKernel how = kernels.front();
    TUFF_TRY(sums, device.allocate(host::Intent::scratch,
                                   std::uint64_t{how.workgroups} * how.invocations * sizeof(float), "sums"));
    const auto compute_of = [&](const FmaKernel& one) -> Result<host::Stream> {
        host::Stream stream(device, "compute");
        TUFF_CHECK(record_fma(stream, device, one, 0.999F, 0.001F, sums));
        TUFF_CHECK(stream.finish());
        return stream;
    };
    TUFF_TRY(glance, compute_of(how));
    TUFF_TRY(first, time_runs([&] { return glance.run(); }, {3, 0}));
    const double ratio = copy_us / std::max(summarize(first).median, 1.0);
    how.rounds = static_cast<std::uint32_t>(std::clamp(ratio * how.rounds, 1.0, 1e6));
    TUFF_TRY(compute, compute_of(how));
    TUFF_TRY(computing, time_runs([&] { return compute.run(); }, options));
    const double compute_us = summarize(computing).median;
    TUFF_TRY(both, time_runs(
                       [&]() -> Result<void> {
                           TUFF_CHECK(copy.submit());
                           TUFF_CHECK(compute.submit());
                           TUFF_CHECK(copy.wait());
                           return compute.wait();
                       },
                       options));
    const double both_us = summarize(both).median;
    result.bytes = bytes;
    result.samples_us = std::move(both);
    result.roof_fraction = (copy_us + compute_us - both_us) / std::min(copy_us, compute_us);
    if (both_us > 0) result.gbps = static_cast<double>(bytes) / both_us * 1e-3;
    return {};
}

// What a row is of.
struct Path {
    std::string label;
    std::function<Result<void>(Session&, std::uint64_t bytes, const TimingOptions&, CaseResult&)> measure;
};

std::vector<Path> paths() {
    std::vector<Path> all;
    for (const TransferKind& kind : transfer_kinds())
        all.push_back(
            {fmt::format("{}: {}", kind.direction, kind.way),
             [&kind](Session& session, std::uint64_t bytes, const TimingOptions& options,
                     CaseResult& result) { return measure_path(session, kind, bytes, options, result); }});
    all.push_back({"overlap: copy beside multiply-adds", measure_overlap});
    return all;
}

}  // namespace

std::uint64_t transfer_bytes(const Session& session) {
    constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
    const std::uint64_t wanted = host::software(session.snapshot()) ? 32 * kMiB : 256 * kMiB;
    return std::clamp(session.free_bytes() / 8 / kMiB * kMiB, kMiB, wanted);
}

Result<std::vector<CaseResult>> measure_transfers(Session& session, std::uint64_t bytes,
                                                  const TimingOptions& options) {
    std::vector<CaseResult> rows;
    for (const Path& path : paths()) {
        CaseResult result = row(path.label);
        guarded(result, [&] { return path.measure(session, bytes, options, result); });
        if (session.device().lost())
            return fail(ErrorCode::device_lost, "{}: the device was lost: {}", path.label, result.reason);
        rows.push_back(std::move(result));
    }
    return rows;
}

std::vector<VerifyGroup> transfer_groups(const VerifyRequest& request, const host::DeviceSnapshot&) {
    if (!request.op(Op::transfer)) return {};
    constexpr std::uint64_t kBytes = std::uint64_t{3} << 20;
    VerifyGroup group{Op::transfer, "-", "-", "", {}};
    for (const Path& path : paths())
        group.cases.push_back({row(path.label), [path](Session& session, std::uint64_t, CaseResult& result) {
                                   return path.measure(session, kBytes, {1, 0}, result);
                               }});
    return {std::move(group)};
}

}  // namespace tuff::bench
