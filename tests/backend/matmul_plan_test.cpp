#include "backend/matmul_plan.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/host/test_devices.hpp"

namespace tuff::test {
namespace {

using host::DeviceSnapshot;
using host::Feature;
using host::test::lane_device;
using host::test::wide_device;

const Format& q4_k() {
    return *find_format("q4_k");
}
const Format& f32() {
    return *find_format("f32");
}

MatmulPlan must(Result<MatmulPlan> plan) {
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? std::move(*plan) : MatmulPlan{};
}

std::string refusal(const DeviceSnapshot& device, const Format& format, const MatmulShape& shape) {
    const Result<MatmulPlan> plan = plan_matmul(device, format, Layout::planes, shape);
    EXPECT_FALSE(plan);
    if (plan) return "";
    EXPECT_EQ(plan.error().code, ErrorCode::usage);
    return plan.error().message;
}

TEST(MatmulPlan, LanesAreForDevicesThatFoldUniformLoads) {
    EXPECT_TRUE(prefers_lanes(lane_device()));
    EXPECT_FALSE(prefers_lanes(wide_device()));
    DeviceSnapshot old_driver = lane_device();
    old_driver.features.set(Feature::uniform_loads, false);
    EXPECT_FALSE(prefers_lanes(old_driver));
    DeviceSnapshot no_bytes = lane_device();
    no_bytes.features.set(Feature::storage8, false);
    EXPECT_FALSE(prefers_lanes(no_bytes));
    EXPECT_EQ(preferred_layout(lane_device()), Layout::lanes);
    EXPECT_EQ(preferred_layout(wide_device()), Layout::planes);
}

TEST(MatmulPlan, PicksTheKernelByLayoutAndTokens) {
    const DeviceSnapshot device = wide_device();
    for (std::uint64_t n = 1; n <= 20; n++) {
        const MatmulPlan plan =
            must(plan_matmul(device, q4_k(), Layout::planes, {.m = 64, .n = n, .k = 512}));
        EXPECT_EQ(plan.kernel, n <= kMatvecMaxTokens ? "matvec_wide.q4_k" : "matmul_wide.q4_k");
    }
    EXPECT_EQ(must(plan_matmul(lane_device(), q4_k(), Layout::lanes, {.m = 64, .n = 1, .k = 512})).kernel,
              "matmul_lanes.q4_k");
    EXPECT_EQ(must(plan_matmul(device, q4_k(), Layout::blocks, {.m = 64, .n = 8, .k = 512})).kernel,
              "matvec_blocks.q4_k");
    EXPECT_EQ(must(plan_matmul(device, q4_k(), Layout::blocks, {.m = 64, .n = 9, .k = 512})).kernel,
              "matmul_blocks.q4_k");
    const Result<MatmulPlan> many =
        plan_matmul(device, q4_k(), MatmulAlgorithm::matvec_wide, {.m = 64, .n = 9, .k = 512});
    ASSERT_FALSE(many);
    EXPECT_EQ(many.error().code, ErrorCode::unsupported);
}

TEST(MatmulPlan, LaneTilesCoverEveryTokenOnce) {
    for (std::uint64_t n = 1; n <= 200; n++) {
        const MatmulPlan plan =
            must(plan_matmul(lane_device(), q4_k(), Layout::lanes, {.m = 4096, .n = n, .k = 4096}));
        std::uint64_t covered = 0;
        for (const MatmulPart& part : plan.parts) {
            EXPECT_EQ(part.first_token, covered);
            EXPECT_GT(part.tile, 0u);
            EXPECT_EQ(part.specialization[1], part.tile);
            EXPECT_EQ(plan.groups() % part.specialization[2], 0u)
                << "the unrolled loop must end with the row";
            EXPECT_EQ(part.rows, part.specialization[0] * kLaneRows);
            covered += part.tokens;
        }
        EXPECT_EQ(covered, n);
    }
}

TEST(MatmulPlan, LaneTilesAreSmallWhereLoadsDoNotFold) {
    DeviceSnapshot old_driver = lane_device();
    old_driver.features.set(Feature::uniform_loads, false);
    for (const std::uint64_t n : {1, 8, 64}) {
        const MatmulPlan plan =
            must(plan_matmul(old_driver, q4_k(), Layout::lanes, {.m = 4096, .n = n, .k = 4096}));
        for (const MatmulPart& part : plan.parts)
            EXPECT_LE(part.specialization[0] * part.specialization[2] * part.tile, 8u);
    }
}

TEST(MatmulPlan, SplitsKOnlyWhereAWideDeviceWouldIdle) {
    const DeviceSnapshot device = wide_device();
    EXPECT_GT(must(plan_matmul(device, q4_k(), Layout::planes, {.m = 64, .n = 1, .k = 16384})).splits, 1u);
    EXPECT_EQ(must(plan_matmul(device, q4_k(), Layout::planes, {.m = 32000, .n = 1, .k = 4096})).splits, 1u);
    EXPECT_EQ(must(plan_matmul(device, q4_k(), Layout::planes, {.m = 64, .n = 1, .k = 256})).splits, 1u);
    EXPECT_EQ(must(plan_matmul(lane_device(), q4_k(), Layout::planes, {.m = 64, .n = 1, .k = 16384})).splits,
              1u);
}

TEST(MatmulPlan, PadsActivationsOnlyWhereTheyAreCrooked) {
    const DeviceSnapshot device = wide_device();
    const auto pads = [&](const MatmulShape& shape) {
        return must(plan_matmul(device, f32(), Layout::planes, shape)).pads_activations;
    };
    EXPECT_FALSE(pads({.m = 8, .n = 2, .k = 64}));
    EXPECT_FALSE(pads({.m = 8, .n = 2, .k = 64, .x_stride = 68}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 65}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .x_stride = 65}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .batches = 2, .x_batch = 130}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .x_alignment = 4}));
}

TEST(MatmulPlan, StaysWithinTheDevicesWorkgroups) {
    DeviceSnapshot device = wide_device();
    device.limits.max_workgroup_invocations = 128;
    device.limits.shared_memory_bytes = 16384;
    for (const std::uint64_t n : {1, 8, 512}) {
        const MatmulPlan plan =
            must(plan_matmul(device, q4_k(), Layout::planes, {.m = 4096, .n = n, .k = 4096}));
        EXPECT_LE(plan.parts.front().specialization[0], 128u);
        EXPECT_EQ(plan.parts.front().specialization[0] % device.subgroup.size, 0u);
    }
}

TEST(MatmulPlan, RefusesImpossibleShapesByName) {
    const DeviceSnapshot device = wide_device();
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 1, .k = 100}).find("k = 100"), std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 0, .k = 256}).find("n = 0"), std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 0, .n = 1, .k = 256}).find("no elements"), std::string::npos);
    EXPECT_NE(refusal(device, f32(), {.m = 4, .n = 1, .k = 1u << 30}).find("k = "), std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 70000, .k = 256}).find("65535"), std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 1, .k = 256, .batches = 3, .w_batches = 2}).find("share"),
              std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 2, .k = 256, .x_stride = 255}).find("x stride"),
              std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 2, .k = 256, .y_stride = 3}).find("y stride"),
              std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 2, .k = 256, .batches = 2, .y_batch = 7}).find("overlap"),
              std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 1, .k = 256, .batches = 70000}).find("batches"),
              std::string::npos);
    // What would wrap in the kernels' 32 bits, or in 64 bits of bytes.
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 2, .k = 256, .x_stride = 1u << 30}).find("1073741823"),
              std::string::npos);
    const std::uint64_t half = std::uint64_t{1} << 61;
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 1, .k = 256, .batches = 3, .x_batch = half})
                  .find("of x 2305843009213693952 floats apart are beyond the limit of 1152921504606846976"),
              std::string::npos);
    EXPECT_NE(refusal(device, q4_k(), {.m = 4, .n = 1, .k = 256, .batches = 3, .y_batch = half})
                  .find("of y 2305843009213693952 floats apart are beyond the limit of 1152921504606846976"),
              std::string::npos);
    DeviceSnapshot endless = device;
    for (std::uint32_t& most : endless.limits.max_workgroup_count) most = ~0u;
    EXPECT_NE(
        refusal(endless, q4_k(), {.m = 4, .n = 1u << 17, .k = 256, .batches = 1u << 15}).find("4294967295"),
        std::string::npos);
}

TEST(MatmulShape, CountsTheFloatsOfStridedOperands) {
    const MatmulShape dense{.m = 3, .n = 2, .k = 5, .batches = 4};
    EXPECT_EQ(dense.x_floats(), 40u);
    EXPECT_EQ(dense.y_floats(), 24u);
    const MatmulShape strided{
        .m = 3, .n = 2, .k = 5, .batches = 4, .x_stride = 7, .y_stride = 4, .x_batch = 20};
    EXPECT_EQ(strided.x_floats(), 3u * 20 + 7 + 5);
    EXPECT_EQ(strided.y_floats(), 3u * 8 + 4 + 3);
}

}  // namespace
}  // namespace tuff::test
