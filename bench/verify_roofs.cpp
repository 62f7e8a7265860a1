#include "bench/verify_roofs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "bench/random.hpp"
#include "bench/roof_kernels.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

CaseResult describe(Op op, std::string variant, std::string label) {
    CaseResult result;
    result.op = op;
    result.variant = std::move(variant);
    result.label = std::move(label);
    return result;
}

// Copies part of one buffer into another; everything around it must stay.
Result<void> copy_between(Session& session, std::uint64_t from_offset, std::uint64_t to_offset,
                          std::uint64_t bytes, std::uint64_t seed) {
    host::Device& device = session.device();
    constexpr std::uint64_t kAround = 64;
    std::vector<std::byte> source(from_offset + bytes + kAround), target(to_offset + bytes + kAround),
        back(target.size());
    Random random(seed);
    random.fill(source);
    random.fill(target);
    TUFF_TRY(from, device.allocate(host::Intent::weights, source.size(), "copy from"));
    TUFF_TRY(to, device.allocate(host::Intent::scratch, target.size(), "copy to"));
    TUFF_CHECK(host::upload(device, from, 0, source));
    TUFF_CHECK(host::upload(device, to, 0, target));
    host::Stream stream(device, "copy");
    TUFF_CHECK(stream.copy(from, from_offset, to, to_offset, bytes));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    TUFF_CHECK(host::readback(device, to, 0, back));
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(from_offset), bytes,
                target.begin() + static_cast<std::ptrdiff_t>(to_offset));
    const auto differs = std::ranges::mismatch(back, target).in1;
    if (differs == back.end()) return {};
    return fail(ErrorCode::internal, "byte {} is wrong after a copy of {} bytes from {} to {}",
                differs - back.begin(), bytes, from_offset, to_offset);
}

// Small whole numbers add up exactly in any order.
Result<void> read_sums(Session& session, const ReadKernel& how) {
    host::Device& device = session.device();
    std::vector<float> x(how.bytes / sizeof(float));
    double expected = 0;
    for (std::size_t i = 0; i < x.size(); i++) {
        x[i] = static_cast<float>((i * 2654435761u >> 7) % 13) - 5;
        expected += x[i];
    }
    const std::size_t count = std::size_t{how.workgroups} * how.invocations;
    TUFF_TRY(from, device.allocate(host::Intent::weights, how.bytes, "memory to read"));
    TUFF_TRY(sums, device.allocate(host::Intent::scratch, count * sizeof(float), "sums"));
    TUFF_CHECK(host::upload(device, from, 0, std::as_bytes(std::span(x))));
    host::Stream stream(device, how.kernel);
    TUFF_CHECK(record_read(stream, device, how, from, sums));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    std::vector<float> got(count);
    TUFF_CHECK(host::readback(device, sums, 0, std::as_writable_bytes(std::span(got))));
    double total = 0;
    for (const float sum : got) total += sum;
    if (total == expected) return {};
    return fail(ErrorCode::internal, "the sum of {} numbers is {}, not {}", x.size(), total, expected);
}

// The largest error over its bound of one launch.
Result<double> fma_error(Session& session, const FmaKernel& how) {
    host::Device& device = session.device();
    constexpr double kScale = 0.75, kOffset = 0.125;
    const std::size_t count = std::size_t{how.workgroups} * how.invocations;
    TUFF_TRY(sums, device.allocate(host::Intent::scratch, count * sizeof(float), "sums"));
    host::Stream stream(device, "fma_rate");
    TUFF_CHECK(
        record_fma(stream, device, how, static_cast<float>(kScale), static_cast<float>(kOffset), sums));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    std::vector<float> got(count);
    TUFF_CHECK(host::readback(device, sums, 0, std::as_writable_bytes(std::span(got))));
    // Each step keeps 3/4 of an error made before and adds at most two roundings, so a chain is off by less
    // than 8 units of the last place of its largest value; then come the additions.
    constexpr double kUnit = 0x1p-24;
    const double steps = 16.0 * how.rounds, kept = std::pow(kScale, steps);
    double worst = 0;
    for (std::size_t i = 0; i < count; i++) {
        double exact = 0, magnitude = 0;
        for (std::uint32_t a = 0; a < how.accumulators; a++) {
            const double first = static_cast<double>(i + a) * 1e-6;
            exact += first * kept + kOffset * (1 - kept) / (1 - kScale);
            magnitude += std::max(first, kOffset / (1 - kScale));
        }
        const double bound = (8 + how.accumulators) * kUnit * magnitude;
        const double error = std::fabs(double{got[i]} - exact) / bound;
        worst = error <= worst ? worst : error;
    }
    return worst;
}

}  // namespace

std::vector<VerifyGroup> copy_groups(const VerifyRequest& request, const host::DeviceSnapshot& device) {
    if (!request.op(Op::copy)) return {};
    VerifyGroup group{Op::copy, "-", "-", "", {}};
    struct Copy {
        std::uint64_t from, to, bytes;
    };
    // Word-sized and odd ones, one page and a bit, more than a staging slot.
    for (const Copy& c :
         {Copy{0, 0, 4}, Copy{4, 12, 1000}, Copy{1, 3, 7}, Copy{256, 0, 4099}, Copy{8, 16, (20u << 20) + 5}})
        group.cases.push_back(
            {describe(Op::copy, "buffer copy", fmt::format("{} bytes, {} to {}", c.bytes, c.from, c.to)),
             [c](Session& session, std::uint64_t seed, CaseResult&) {
                 return copy_between(session, c.from, c.to, c.bytes, seed);
             }});
    for (const ReadKernel& how : read_kernels(device, std::uint64_t{3} << 20))
        group.cases.push_back(
            {describe(Op::copy, how.describe(), "read"),
             [how](Session& session, std::uint64_t, CaseResult&) { return read_sums(session, how); }});
    return {std::move(group)};
}

std::vector<VerifyGroup> fma_groups(const VerifyRequest& request, const host::DeviceSnapshot& device) {
    if (!request.op(Op::fma)) return {};
    VerifyGroup group{Op::fma, "-", "-", "", {}};
    for (FmaKernel how : fma_kernels(device)) {
        how.workgroups = std::min(how.workgroups, 64u);
        how.rounds = 4;
        group.cases.push_back({describe(Op::fma, how.describe(), ""),
                               [how](Session& session, std::uint64_t, CaseResult& result) -> Result<void> {
                                   TUFF_TRY(error, fma_error(session, how));
                                   result.error_over_bound = error;
                                   if (error <= 1) return {};
                                   return fail(ErrorCode::internal, "an error of {:.3g} times its bound",
                                               error);
                               }});
    }
    return {std::move(group)};
}

}  // namespace tuff::bench
