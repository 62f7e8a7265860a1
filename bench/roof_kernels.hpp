// Launching the kernels that measure roofs (shaders/stream_*.comp, shaders/fma_rate.comp).
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/session.hpp"
#include "host/stream.hpp"

namespace tuff::bench {

// A way to read a buffer once from start to end.
struct ReadKernel {
    std::string kernel;  // "stream_wide" or "stream_lanes"
    std::vector<std::uint32_t> specialization;
    std::uint32_t per_workgroup = 0;  // KiB per workgroup, or vectors per invocation
    std::uint32_t workgroups = 0;
    std::uint32_t invocations = 0;  // per workgroup; each writes one float
    std::uint64_t bytes = 0;        // read in all

    [[nodiscard]] std::string describe() const;
};

// A way to keep a device busy with multiply-adds.
struct FmaKernel {
    std::uint32_t invocations = 0;   // per workgroup
    std::uint32_t accumulators = 0;  // chains per invocation, a multiple of 4
    std::uint32_t workgroups = 0;
    std::uint32_t rounds = 0;

    [[nodiscard]] std::uint64_t flops() const {
        return std::uint64_t{2} * 16 * accumulators * invocations * workgroups * rounds;
    }
    [[nodiscard]] std::string describe() const;
};

// Those worth trying on a device, for buffers of at least `bytes` bytes; each reads at most so many and most
// of them.
[[nodiscard]] std::vector<ReadKernel> read_kernels(const host::DeviceSnapshot& device, std::uint64_t bytes);
[[nodiscard]] std::vector<FmaKernel> fma_kernels(const host::DeviceSnapshot& device);

// Appends one launch. `sums` takes a float per invocation. The errors of host::Device::pipeline and
// host::Stream::dispatch.
Result<void> record_read(host::Stream& stream, host::Device& device, const ReadKernel& how,
                         const host::Buffer& from, const host::Buffer& sums);
Result<void> record_fma(host::Stream& stream, host::Device& device, const FmaKernel& how, float scale,
                        float offset, const host::Buffer& sums);

}  // namespace tuff::bench
