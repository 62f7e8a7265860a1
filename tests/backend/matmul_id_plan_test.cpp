#include "backend/matmul_id_plan.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/host/test_devices.hpp"

namespace tuff::test {
namespace {

using host::DeviceSnapshot;
using host::test::lane_device;
using host::test::wide_device;

const Format& q4_k() {
    return *find_format("q4_k");
}

MatmulIdPlan must(Result<MatmulIdPlan> plan) {
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? std::move(*plan) : MatmulIdPlan{};
}

MatmulIdShape layer(std::uint64_t n) {
    return {.m = 768, .n = n, .k = 2048, .experts = 128, .used = 8};
}

TEST(MatmulIdPlan, ASingleTokenNeedsNoLists) {
    for (const auto& [device, layout] : {std::pair{wide_device(), Layout::planes},
                                         {wide_device(), Layout::blocks},
                                         {lane_device(), Layout::lanes}}) {
        const MatmulIdPlan one = must(plan_matmul_id(device, q4_k(), layout, layer(1)));
        EXPECT_TRUE(one.direct);
        ASSERT_EQ(one.parts.size(), 1u);
        EXPECT_EQ(one.parts[0].tile, 1u);
        EXPECT_EQ(one.lists_bytes(), 0u);
        const MatmulIdPlan two = must(plan_matmul_id(device, q4_k(), layout, layer(2)));
        EXPECT_FALSE(two.direct);
        EXPECT_GT(two.lists_bytes(), 0u);
        EXPECT_EQ(two.parts[0].tile, 2u);
    }
    EXPECT_EQ(must(plan_matmul_id(wide_device(), q4_k(), Layout::planes, layer(1))).scratch_bytes, 0u);
}

TEST(MatmulIdPlan, PicksKernelsByLayoutAndTokens) {
    const auto kernels = [](const DeviceSnapshot& device, Layout layout, std::uint64_t n) {
        return must(plan_matmul_id(device, q4_k(), layout, layer(n))).describe();
    };
    EXPECT_EQ(kernels(wide_device(), Layout::planes, 1), "matvec_wide.q4_k [32,2,1,1]");
    EXPECT_TRUE(kernels(wide_device(), Layout::planes, 8).starts_with("matvec_wide.q4_k [32,2,8,2]"));
    EXPECT_TRUE(
        kernels(wide_device(), Layout::planes, 512).starts_with("matmul_wide.q4_k [64,32,32,2] matvec"));
    EXPECT_TRUE(
        kernels(wide_device(), Layout::planes, 4096).starts_with("matmul_wide.q4_k [256,64,64,2] [64,"));
    EXPECT_TRUE(kernels(wide_device(), Layout::blocks, 512).starts_with("matmul_blocks.q4_k"));
    EXPECT_TRUE(kernels(lane_device(), Layout::lanes, 512).starts_with("matmul_lanes.q4_k [1,24,"));
}

// Cuts the pairs of random ids into tiles as expert_lists.comp does, and counts what the plan has room for.
TEST(MatmulIdPlan, HasRoomForWhateverTheIdsAre) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 400; i++) {
        const auto up_to = [&](std::uint64_t most) { return 1 + random() % most; };
        const std::uint64_t experts = up_to(i % 2 ? 8 : 200);
        const MatmulIdShape shape{.m = 64, .n = up_to(150), .k = 256, .experts = experts, .used = up_to(8)};
        const bool lanes = i % 4 < 2;
        const MatmulIdPlan plan = must(lanes ? plan_matmul_id(lane_device(), q4_k(), Layout::lanes, shape)
                                             : plan_matmul_id(wide_device(), q4_k(), Layout::planes, shape));
        if (plan.direct) continue;
        std::map<std::uint64_t, std::uint64_t> counts;
        const std::uint64_t among = up_to(experts + 1);
        for (std::uint64_t pair = 0; pair < shape.pairs(); pair++) counts[random() % among]++;
        std::vector<std::uint64_t> tiles(plan.parts.size());
        std::uint64_t places = 0;
        for (const auto& [expert, count] : counts)
            for (std::uint64_t left = count; left > 0;) {
                std::size_t part = plan.parts.size() - 1;
                while (part > 0 && plan.parts[part].tile < left) part--;
                tiles[part]++;
                places += plan.parts[part].tile;
                left -= std::min<std::uint64_t>(left, plan.parts[part].tile);
            }
        std::uint64_t end = 6 * plan.parts.size();
        for (std::size_t part = 0; part < tiles.size(); part++) {
            EXPECT_LE(tiles[part], plan.parts[part].most_tiles);
            EXPECT_EQ(plan.parts[part].table, end) << "tables follow one another";
            end += std::uint64_t{plan.parts[part].most_tiles} * (3 + plan.parts[part].tile);
        }
        EXPECT_LE(end * 4, plan.lists_bytes());
        EXPECT_GE(plan.lists_offset, plan.activation_bytes);
        if (lanes) {
            EXPECT_LE(places * 8 * 34 * 4, plan.activation_bytes);
        }
    }
}

TEST(MatmulIdPlan, PadsActivationsOnlyWhereTheyAreCrooked) {
    const Format& f32 = *find_format("f32");
    const auto pads = [&](const MatmulIdShape& shape) {
        return must(plan_matmul_id(wide_device(), f32, Layout::planes, shape)).pads_activations;
    };
    EXPECT_FALSE(pads({.m = 8, .n = 2, .k = 64, .experts = 4, .used = 2}));
    EXPECT_FALSE(pads({.m = 8, .n = 2, .k = 64, .experts = 4, .used = 2, .shared_x = true, .x_token = 68}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 65, .experts = 4, .used = 2}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .experts = 4, .used = 2, .x_token = 131}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .experts = 4, .used = 2, .x_stride = 66}));
    EXPECT_TRUE(pads({.m = 8, .n = 2, .k = 64, .experts = 4, .used = 2, .x_alignment = 8}));
}

TEST(MatmulIdPlan, RefusesImpossibleShapesByName) {
    const auto refusal = [](const MatmulIdShape& shape) {
        const auto plan = plan_matmul_id(wide_device(), q4_k(), Layout::planes, shape);
        EXPECT_FALSE(plan);
        if (plan) return std::string();
        EXPECT_EQ(plan.error().code, ErrorCode::usage);
        return plan.error().message;
    };
    const auto names = [&](const MatmulIdShape& shape, std::string_view what) {
        const std::string message = refusal(shape);
        EXPECT_TRUE(message.contains(what)) << message;
    };
    names({.m = 4, .n = 1, .k = 100, .experts = 4, .used = 2}, "k = 100");
    names({.m = 4, .n = 0, .k = 256, .experts = 4, .used = 2}, "0 tokens");
    names({.m = 4, .n = 1, .k = 256, .experts = 4, .used = 0}, "of 0 experts");
    names({.m = 4, .n = 1, .k = 256, .experts = 0, .used = 2}, "no elements");
    names({.m = 4, .n = 1, .k = 256, .experts = 1025, .used = 2}, "1025 experts");
    names({.m = 4, .n = 70000, .k = 256, .experts = 4, .used = 2}, "n = 70000");
    names({.m = 4, .n = 1, .k = 256, .experts = 4, .used = 70000}, "= 70000");
    names({.m = 4, .n = 60000, .k = 256, .experts = 4, .used = 60000}, "16777216 products");
    names({.m = 200000, .n = 1, .k = 256, .experts = 4, .used = 1}, "m = 200000");
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .x_stride = 255}, "x stride 255");
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .x_token = 255}, "x token stride 255");
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .y_stride = 3}, "y stride 3");
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .y_token = 7}, "overlap; one takes 8");
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .ids_stride = 1}, "ids stride 1");
    // What would wrap in the kernels' 32 bits, or in 64 bits of bytes.
    names({.m = 4, .n = 2, .k = 256, .experts = 4, .used = 2, .x_stride = 1u << 30}, "and 1073741823");
    names({.m = 4, .n = 3, .k = 256, .experts = 4, .used = 2, .y_token = std::uint64_t{1} << 61},
          "y token stride 2305843009213693952 is beyond the limit of 1073741823");
}

TEST(MatmulIdShape, CountsTheElementsOfStridedOperands) {
    const MatmulIdShape dense{.m = 3, .n = 4, .k = 5, .experts = 2, .used = 2};
    EXPECT_EQ(dense.x_floats(), 40u);
    EXPECT_EQ(dense.y_floats(), 24u);
    EXPECT_EQ(dense.ids_count(), 8u);
    const MatmulIdShape shared{.m = 3, .n = 4, .k = 5, .experts = 2, .used = 2, .shared_x = true};
    EXPECT_EQ(shared.x_floats(), 20u);
    const MatmulIdShape strided{.m = 3,
                                .n = 4,
                                .k = 5,
                                .experts = 2,
                                .used = 2,
                                .x_stride = 6,
                                .x_token = 20,
                                .y_stride = 4,
                                .y_token = 9,
                                .ids_stride = 3};
    EXPECT_EQ(strided.x_floats(), 3u * 20 + 6 + 5);
    EXPECT_EQ(strided.y_floats(), 3u * 9 + 4 + 3);
    EXPECT_EQ(strided.ids_count(), 3u * 3 + 2);
}

}  // namespace
}  // namespace tuff::test
