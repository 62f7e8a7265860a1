#include "bench/roof.hpp"

#include <tuff/log.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/roof_kernels.hpp"
#include "bench/statistics.hpp"
#include "host/bytes.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

double per_second(double amount, double us) {
    return us > 0 ? amount / us * 1e6 : 0;
}

// A quick look at one candidate: a few samples decide which is timed in full.
constexpr TimingOptions kGlance{3, 0.03};

// The candidate with the highest rate per microsecond, `amount` being what one execution does.
template <class How, class Record, class Amount>
Result<How> fastest(Session& session, const std::vector<How>& candidates, const Record& record,
                    const Amount& amount) {
    std::optional<How> best;
    double best_rate = 0;
    for (const How& how : candidates) {
        double rate_now = 0;
        if (candidates.size() > 1) {
            TUFF_TRY(timing, time_executions(session.device(), record(how), 1, kGlance));
            rate_now = static_cast<double>(amount(how)) / summarize(timing.samples_us).minimum;
            log(LogLevel::debug, "{}: {:.1f} a microsecond", how.describe(), rate_now);
        }
        if (!best || rate_now > best_rate) {
            best = how;
            best_rate = rate_now;
        }
    }
    if (!best)
        return fail(ErrorCode::unsupported, "no kernel for this roof runs on {}", session.snapshot().name);
    return std::move(*best);
}

}  // namespace

double Roofs::least_us(std::uint64_t bytes, std::uint64_t flops) const {
    const double memory = gbps() > 0 ? static_cast<double>(bytes) / (gbps() * 1e3) : 0;
    const double arithmetic = gflops > 0 ? static_cast<double>(flops) / (gflops * 1e3) : 0;
    return std::max(memory, arithmetic);
}

void rate(CaseResult& result, const Roofs& roofs) {
    const double us = summarize(result.samples_us).median;
    if (us <= 0) return;
    if (result.bytes > 0) result.gbps = per_second(static_cast<double>(result.bytes), us) * 1e-9;
    if (result.flops > 0) result.gflops = per_second(static_cast<double>(result.flops), us) * 1e-9;
    Roofs reachable = roofs;
    if (moves_rows(result.op)) reachable.read_gbps = 0;  // what writes as well cannot be as fast as reading
    const double least = reachable.least_us(result.bytes, result.flops);
    if (least > 0) result.roof_fraction = least / us;
}

Result<std::vector<CaseResult>> measure_memory(Session& session, std::uint64_t bytes,
                                               const TimingOptions& options, Roofs& roofs) {
    host::Device& device = session.device();
    bytes = std::min(bytes, session.snapshot().limits.max_buffer_bytes) / 2 / 1024 * 1024;
    TUFF_TRY(from, device.allocate(host::Intent::weights, bytes, "memory to read"));
    TUFF_TRY(to, device.allocate(host::Intent::weights, bytes, "memory to write"));
    TUFF_CHECK(host::fill(device, from, 0, bytes, 0x3f800000));
    TUFF_CHECK(host::fill(device, to, 0, bytes, 0x3f800000));
    const host::Buffer* halves[] = {&from, &to};

    const std::vector<ReadKernel> candidates = read_kernels(session.snapshot(), bytes);
    std::uint64_t sums_bytes = 0;
    for (const ReadKernel& how : candidates)
        sums_bytes = std::max<std::uint64_t>(sums_bytes,
                                             std::uint64_t{how.workgroups} * how.invocations * sizeof(float));
    TUFF_TRY(sums, device.allocate(host::Intent::scratch, sums_bytes, "sums"));
    // Both halves in turn: between two reads of one lies the other.
    const auto record_of = [&](const ReadKernel& how) -> RecordExecution {
        return [&, how](host::Stream& stream, std::size_t set) {
            return record_read(stream, device, how, *halves[set % 2], sums);
        };
    };
    TUFF_TRY(how, fastest(session, candidates, record_of, [](const ReadKernel& one) { return one.bytes; }));
    TUFF_TRY(reading, time_executions(device, record_of(how), 2, options));

    CaseResult read;
    read.op = Op::copy;
    read.label = "read";
    read.variant = how.describe();
    read.bytes = how.bytes;
    read.rotation_bytes = 2 * bytes;
    read.samples_us = std::move(reading.samples_us);
    roofs.read_gbps = per_second(static_cast<double>(read.bytes), summarize(read.samples_us).minimum) * 1e-9;

    const RecordExecution record_copy = [&](host::Stream& stream, std::size_t set) {
        return set == 0 ? stream.copy(from, 0, to, 0, bytes) : stream.copy(to, 0, from, 0, bytes);
    };
    TUFF_TRY(copying, time_executions(device, record_copy, 2, options));
    CaseResult copy;
    copy.op = Op::copy;
    copy.label = "read+write";
    copy.variant = "buffer copy";
    copy.bytes = 2 * bytes;
    copy.rotation_bytes = 2 * bytes;
    copy.samples_us = std::move(copying.samples_us);
    roofs.copy_gbps = per_second(static_cast<double>(copy.bytes), summarize(copy.samples_us).minimum) * 1e-9;

    std::vector<CaseResult> rows;
    rows.push_back(std::move(read));
    rows.push_back(std::move(copy));
    for (CaseResult& row : rows) rate(row, roofs);
    return rows;
}

Result<CaseResult> measure_fma(Session& session, const TimingOptions& options, Roofs& roofs) {
    host::Device& device = session.device();
    const std::vector<FmaKernel> candidates = fma_kernels(session.snapshot());
    std::uint64_t sums_bytes = 0;
    for (const FmaKernel& how : candidates)
        sums_bytes = std::max<std::uint64_t>(sums_bytes,
                                             std::uint64_t{how.workgroups} * how.invocations * sizeof(float));
    TUFF_TRY(sums, device.allocate(host::Intent::scratch, sums_bytes, "sums"));
    const auto record_of = [&](const FmaKernel& how) -> RecordExecution {
        return [&, how](host::Stream& stream, std::size_t) {
            return record_fma(stream, device, how, 0.999f, 0.001f, sums);
        };
    };
    TUFF_TRY(how, fastest(session, candidates, record_of, [](const FmaKernel& one) { return one.flops(); }));
    TUFF_TRY(timing, time_executions(device, record_of(how), 1, options));
    CaseResult row;
    row.op = Op::fma;
    row.variant = how.describe();
    row.flops = how.flops();
    row.samples_us = std::move(timing.samples_us);
    roofs.gflops = per_second(static_cast<double>(row.flops), summarize(row.samples_us).minimum) * 1e-9;
    rate(row, roofs);
    return row;
}

}  // namespace tuff::bench
