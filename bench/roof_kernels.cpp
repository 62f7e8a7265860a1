#include "bench/roof_kernels.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <span>

#include "backend/operand.hpp"

namespace tuff::bench {
namespace {

struct ReadArguments {
    Address x, y;
    std::uint32_t count;
};

struct FmaArguments {
    Address y;
    float scale, offset;
    std::uint32_t rounds;
};

bool runs(const host::DeviceSnapshot& device, std::string_view name) {
    const shaders::Kernel* kernel = shaders::find_kernel(name);
    return kernel && host::missing_needs(device, *kernel).empty();
}

}  // namespace

std::string ReadKernel::describe() const {
    return fmt::format("{} {}x{}", kernel, workgroups, per_workgroup);
}

std::string FmaKernel::describe() const {
    return fmt::format("fma_rate [{},{}] {} workgroups", invocations, accumulators, workgroups);
}

std::vector<ReadKernel> read_kernels(const host::DeviceSnapshot& device, std::uint64_t bytes) {
    std::vector<ReadKernel> list;
    const auto& limits = device.limits;
    constexpr std::uint32_t kLanes = 8;
    if (device.has(host::Feature::uniform_loads) && runs(device, "stream_lanes")) {
        for (const std::uint32_t kib : {64u, 512u}) {
            const auto groups = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(bytes / (std::uint64_t{kib} * 1024), limits.max_workgroup_count[0]));
            if (groups > 0)
                list.push_back({"stream_lanes", {}, kib, groups, kLanes, std::uint64_t{groups} * kib * 1024});
        }
    }
    if (!list.empty()) return list;
    const std::uint32_t subgroup = std::max(1u, device.subgroup.size);
    for (const std::uint32_t subgroups : {1u, 4u, 8u})
        for (const std::uint32_t vectors : {4u, 16u, 64u}) {
            const std::uint32_t invocations = subgroup * subgroups;
            if (invocations > limits.max_workgroup_invocations) continue;
            // A software device gains nothing from more shapes than these, and takes long.
            if (host::software(device) && (subgroups != 1 || vectors != 64)) continue;
            const std::uint64_t group_bytes = std::uint64_t{invocations} * vectors * 16;
            // The kernel steps over the grid with 32-bit offsets.
            constexpr std::uint64_t kMostInvocations = std::uint64_t{1} << 26;
            const auto groups = static_cast<std::uint32_t>(
                std::min({bytes / group_bytes, std::uint64_t{limits.max_workgroup_count[0]},
                          kMostInvocations / invocations}));
            if (groups == 0) continue;
            list.push_back(
                {"stream_wide", {invocations}, vectors, groups, invocations, groups * group_bytes});
        }
    return list;
}

std::vector<FmaKernel> fma_kernels(const host::DeviceSnapshot& device) {
    std::vector<FmaKernel> list;
    const std::uint32_t subgroup = std::max(1u, device.subgroup.size);
    if (host::software(device)) {
        for (const std::uint32_t accumulators : {12u, 16u, 32u})
            list.push_back({subgroup, accumulators, 256, 256});
        return list;
    }
    for (const std::uint32_t invocations : {128u, 256u})
        for (const std::uint32_t accumulators : {8u, 16u}) {
            const std::uint32_t rounded = std::max(subgroup, invocations / subgroup * subgroup);
            if (rounded > device.limits.max_workgroup_invocations) continue;
            list.push_back(
                {rounded, accumulators, std::min(16384u, device.limits.max_workgroup_count[0]), 16});
        }
    return list;
}

Result<void> record_read(host::Stream& stream, host::Device& device, const ReadKernel& how,
                         const host::Buffer& from, const host::Buffer& sums) {
    TUFF_TRY(pipeline, kernel_pipeline(device, how.kernel, how.specialization));
    ReadArguments args{};
    args.x = from.address();
    args.y = sums.address();
    args.count = how.per_workgroup;
    const std::uint64_t written = std::uint64_t{how.workgroups} * how.invocations * sizeof(float);
    const host::Access accesses[] = {host::Access::read(from, 0, how.bytes),
                                     host::Access::write(sums, 0, written)};
    return dispatch(stream, *pipeline, args, {how.workgroups, 1, 1}, accesses);
}

Result<void> record_fma(host::Stream& stream, host::Device& device, const FmaKernel& how, float scale,
                        float offset, const host::Buffer& sums) {
    const std::uint32_t specialization[] = {how.invocations, how.accumulators};
    TUFF_TRY(pipeline, kernel_pipeline(device, "fma_rate", specialization));
    FmaArguments args{};
    args.y = sums.address();
    args.scale = scale;
    args.offset = offset;
    args.rounds = how.rounds;
    const std::uint64_t written = std::uint64_t{how.workgroups} * how.invocations * sizeof(float);
    const host::Access accesses[] = {host::Access::write(sums, 0, written)};
    return dispatch(stream, *pipeline, args, {how.workgroups, 1, 1}, accesses);
}

}  // namespace tuff::bench
