// The roofs of a device, measured: how fast it reads memory, copies memory, and multiplies and adds.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <vector>

#include "bench/case.hpp"
#include "bench/session.hpp"
#include "bench/timing.hpp"

namespace tuff::bench {

// What a device reached in the best of the samples; 0: not measured.
struct Roofs {
    double read_gbps = 0;
    double copy_gbps = 0;  // bytes read and bytes written both count
    double gflops = 0;     // of float32 multiply-adds

    // The memory roof: the faster of reading and copying.
    [[nodiscard]] double gbps() const { return read_gbps > copy_gbps ? read_gbps : copy_gbps; }

    // The least microseconds work of so many bytes and operations can take.
    [[nodiscard]] double least_us(std::uint64_t bytes, std::uint64_t flops) const;
};

// Reading (label "read") and copying (label "read+write") memory, `bytes` bytes of it in all; rows of op
// copy.
Result<std::vector<CaseResult>> measure_memory(Session& session, std::uint64_t bytes,
                                               const TimingOptions& options, Roofs& roofs);

// Multiply-adds in registers; one row of op fma.
Result<CaseResult> measure_fma(Session& session, const TimingOptions& options, Roofs& roofs);

// Fills gbps, gflops (where the result has bytes and operations) and roof_fraction from the median of the
// samples.
void rate(CaseResult& result, const Roofs& roofs);

}  // namespace tuff::bench
