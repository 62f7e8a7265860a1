// Products by expert, by every kernel this device can run, against the reference.
#include "backend/matmul_id.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "backend/reference/matmul_id.hpp"
#include "tests/backend/kernel_needs.hpp"
#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/backend/shared_device.hpp"

namespace tuff::test {
namespace {

constexpr float kGuard = -12345.0f;  // y before the run, and what lies between its rows afterwards
constexpr std::int32_t kGap = std::numeric_limits<std::int32_t>::min();  // between rows of ids

struct Problem {
    const Format* format;
    MatmulIdShape shape;  // dense()
    std::vector<std::byte> blocks;
    std::vector<float> x;
    std::vector<std::int32_t> ids;
};

using Ids = std::function<std::int32_t(std::uint64_t token, std::uint64_t slot)>;

Problem make_problem(const Format& format, const MatmulIdShape& shape, const Ids& id, Random& random) {
    Problem p{&format, shape.dense(), {}, {}, {}};
    const MatmulIdShape& s = p.shape;
    p.blocks = random_blocks(format, s.m * s.k * s.experts, random);
    p.x.assign(s.x_floats(), std::numeric_limits<float>::quiet_NaN());
    for (std::uint64_t t = 0; t < s.n; t++)
        for (std::uint64_t slot = 0; slot < s.x_slots(); slot++)
            std::ranges::copy(random_floats(s.k, random),
                              p.x.begin() + std::ptrdiff_t(t * s.x_token + slot * s.x_stride));
    p.ids.assign(s.ids_count(), kGap);
    for (std::uint64_t t = 0; t < s.n; t++)
        for (std::uint64_t slot = 0; slot < s.used; slot++) p.ids[t * s.ids_stride + slot] = id(t, slot);
    return p;
}

// Runs the plan twice and compares every element of y.
void run_and_compare(const Problem& problem, const MatmulIdPlan& plan,
                     host::Device& device = shared_device()) {
    const MatmulIdShape& s = plan.shape;
    SCOPED_TRACE(testing::Message() << plan.describe() << " m " << s.m << " n " << s.n << " k " << s.k
                                    << " experts " << s.experts << " used " << s.used);
    const Result<Weights> weights =
        Weights::upload(device, *problem.format, plan.layout, s.weights(), problem.blocks, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    const host::Buffer x = make_buffer(device, problem.x, "x"), ids = make_buffer(device, problem.ids, "ids");
    const host::Buffer y = make_buffer(device, std::vector<float>(s.y_floats() + 5, kGuard), "y");
    const Result<host::Buffer> scratch =
        device.allocate(host::Intent::scratch, std::max<std::uint64_t>(plan.scratch_bytes, 4), "scratch");
    ASSERT_TRUE(scratch) << scratch.error().message;
    host::Stream stream(device);
    const Result<void> recorded =
        record_matmul_id(stream, device, plan, *weights, {&x}, {&ids}, {&y}, {&*scratch});
    ASSERT_TRUE(recorded) << recorded.error().message;
    ASSERT_TRUE(stream.finish());
    for (int replay = 0; replay < 2; replay++) {
        const Result<void> run = stream.run();
        ASSERT_TRUE(run) << run.error().message;
    }

    std::vector<float> result = read_values(device, y);
    for (std::uint64_t r = 0; r < s.m; r++) {
        const auto dots = reference::dot_row_by_expert(*problem.format, s, problem.blocks.data(), r,
                                                       problem.x.data(), problem.ids.data());
        for (std::uint64_t pair = 0; pair < s.pairs(); pair++) {
            const std::uint64_t t = pair / s.used, slot = pair % s.used;
            float& value = result[t * s.y_token + slot * s.y_stride + r];
            ASSERT_LE(reference::error_over_bound(value, dots[pair], plan.roundings), 1)
                << "row " << r << " of token " << t << ", slot " << slot << ", expert "
                << problem.ids[t * s.ids_stride + slot] << ": " << value << " for " << dots[pair].value;
            value = kGuard;
        }
    }
    for (std::size_t i = 0; i < result.size(); i++)
        ASSERT_EQ(result[i], kGuard) << "float " << i << " is not part of y";
}

class MatmulId : public testing::TestWithParam<std::tuple<const Format*, MatmulAlgorithm>> {
  protected:
    void SetUp() override {
        const std::string missing =
            lacks(shared_device().snapshot(),
                  std::string(algorithm_name(algorithm())) + "." + std::string(format().name));
        if (!missing.empty()) GTEST_SKIP() << "this device has no " << missing;
    }
    const Format& format() const { return *std::get<0>(GetParam()); }
    MatmulAlgorithm algorithm() const { return std::get<1>(GetParam()); }
    // About so many elements, in whole blocks.
    std::uint64_t elements(std::uint64_t wanted) const {
        const std::uint64_t block = format().type().block_elements;
        return (wanted + block - 1) / block * block;
    }
    void check(const MatmulIdShape& shape, const Ids& id, host::Device& device = shared_device()) {
        const Problem problem = make_problem(format(), shape, id, random_);
        const auto plan = plan_matmul_id(device.snapshot(), format(), algorithm(), shape);
        ASSERT_TRUE(plan) << plan.error().message;
        run_and_compare(problem, *plan, device);
    }
    // Any expert, or none.
    Ids any(std::uint64_t experts) {
        return [this, experts](std::uint64_t, std::uint64_t) {
            return static_cast<std::int32_t>(random_() % (experts + 2)) - 1;
        };
    }
    Random random_{20261125};
};

std::string kernel_of(const testing::TestParamInfo<std::tuple<const Format*, MatmulAlgorithm>>& parameters) {
    return std::string(std::get<0>(parameters.param)->name) + "_" +
           std::string(algorithm_name(std::get<1>(parameters.param)));
}

// By expert is a switch of kernels whose formats other tests go through thoroughly: one pipeline for each, of
// the kernel the device prefers.
class MatmulIdOfFormat : public testing::TestWithParam<const Format*> {};
INSTANTIATE_TEST_SUITE_P(Formats, MatmulIdOfFormat, testing::ValuesIn(formats().begin(), formats().end()),
                         [](const auto& parameters) { return std::string(parameters.param->name); });

TEST_P(MatmulIdOfFormat, MatchesTheReference) {
    const Format& format = *GetParam();
    Random random(9);
    const std::uint64_t block = format.type().block_elements;
    const MatmulIdShape shape{
        .m = 21, .n = 1, .k = (96 + block - 1) / block * block, .experts = 5, .used = 4, .shared_x = true};
    const host::DeviceSnapshot& device = shared_device().snapshot();
    const auto plan = plan_matmul_id(device, format, preferred_layout(device), shape);
    ASSERT_TRUE(plan) << plan.error().message;
    constexpr std::int32_t kIds[] = {4, 0, 5, 2};  // one of them no expert
    run_and_compare(make_problem(
                        format, shape, [&](auto, auto slot) { return kIds[slot]; }, random),
                    *plan);
}

// What does not depend on the format, with all widths of tiles.
INSTANTIATE_TEST_SUITE_P(Kernels, MatmulId,
                         testing::Combine(testing::Values(find_format("f32")),
                                          testing::Values(MatmulAlgorithm::matmul_lanes,
                                                          MatmulAlgorithm::matvec_wide,
                                                          MatmulAlgorithm::matmul_wide)),
                         kernel_of);
INSTANTIATE_TEST_SUITE_P(KernelsOfBlocks, MatmulId,
                         testing::Combine(testing::Values(find_format("q4_0")),
                                          testing::Values(MatmulAlgorithm::matvec_blocks,
                                                          MatmulAlgorithm::matmul_blocks)),
                         kernel_of);

TEST_P(MatmulId, MatchesTheReferenceForRandomShapes) {
    for (int i = 0; i < 12; i++) {
        const auto up_to = [&](std::uint64_t most) { return 1 + random_() % most; };
        MatmulIdShape shape{.m = up_to(70),
                            .n = up_to(60),
                            .k = elements(up_to(200)),
                            .experts = up_to(40),
                            .used = up_to(9),
                            .shared_x = i % 2 == 0};
        if (i % 3 == 0) {  // strided, at addresses that are multiples of four only
            shape.x_stride = shape.shared_x ? 0 : shape.k + 3;
            shape.x_token = shape.used * (shape.k + 3) + 5;
            shape.y_stride = shape.m + 1;
            shape.y_token = shape.used * shape.y_stride + 7;
            shape.ids_stride = shape.used + 2;
            shape.x_alignment = 4;
        }
        check(shape, any(shape.experts));
    }
}

TEST_P(MatmulId, MatchesTheReferenceForAnyShareOfExperts) {
    const MatmulIdShape shape{.m = 9, .n = 75, .k = elements(32), .experts = 6, .used = 2};
    check(shape, [](auto, auto) { return 4; });                                  // all to one
    check(shape, [](auto, auto) { return 6; });                                  // none
    check(shape, [](auto t, auto s) { return std::int32_t(t * 2 + s) % 6; });    // evenly
    check(shape, [](auto t, auto s) { return t == 74 ? 5 : std::int32_t(s); });  // one for the last
}

TEST_P(MatmulId, GivesZerosForIdsThatAreNoExperts) {
    constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min(),
                           kMost = std::numeric_limits<std::int32_t>::max();
    const std::int32_t ids[] = {-1, 0, 7, kLeast, 1 << 20, kMost, 6, -6};
    for (const std::uint64_t n : {1, 40})
        check({.m = 17, .n = n, .k = elements(40), .experts = 7, .used = 8},
              [&](auto t, auto s) { return ids[(t + s) % 8]; });
}

TEST_P(MatmulId, TakesAsManyExpertsAsThereMayBe) {
    for (const std::uint64_t experts : {std::uint64_t{300}, kMostExperts})
        check({.m = 2, .n = 30, .k = 32, .experts = experts, .used = 17}, any(experts));
}

TEST_P(MatmulId, FindsExpertsInSeveralBuffers) {
    const std::uint64_t k = 512, m = 400,
                        matrix = *matrix_bytes(format(), algorithm_layout(algorithm()), {m, k, 1});
    // Two experts in a buffer, then half of one.
    for (const auto& [room, n] : {std::pair{matrix * 5 / 2, 1}, {matrix / 2, 2}}) {
        const std::unique_ptr<host::Device> small = open_device(host::kTailBytes + room);
        check({.m = m, .n = std::uint64_t(n), .k = k, .experts = 5, .used = 3}, any(5), *small);
    }
}

TEST_P(MatmulId, IsTheSameToTheBitOnEveryRun) {
    host::Device& device = shared_device();
    const MatmulIdShape shape{.m = 16, .n = 50, .k = 320, .experts = 3, .used = 2};
    const Problem p = make_problem(format(), shape, any(3), random_);
    const auto plan = plan_matmul_id(device.snapshot(), format(), algorithm(), shape);
    ASSERT_TRUE(plan) << plan.error().message;
    const auto weights = Weights::upload(device, format(), plan->layout, shape.weights(), p.blocks, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    const host::Buffer x = make_buffer(device, p.x, "x"), ids = make_buffer(device, p.ids, "ids"),
                       y = make_buffer(device, std::vector<float>(shape.y_floats()), "y");
    const auto scratch = device.allocate(host::Intent::scratch, plan->scratch_bytes, "scratch");
    ASSERT_TRUE(scratch) << scratch.error().message;
    host::Stream stream(device);
    ASSERT_TRUE(record_matmul_id(stream, device, *plan, *weights, {&x}, {&ids}, {&y}, {&*scratch}));
    ASSERT_TRUE(stream.finish());
    std::vector<float> first;
    for (int run = 0; run < 5; run++) {
        ASSERT_TRUE(stream.run());
        const std::vector<float> again = read_values(device, y);
        if (run == 0) first = again;
        EXPECT_EQ(again, first);
    }
}

TEST(MatmulIdNatural, MixesKernelsByTheWidthOfTiles) {
    host::Device& device = shared_device();
    Random random(3);
    const Format& format = *find_format("q8_0");
    const Layout layout = preferred_layout(device.snapshot());
    // Experts with 1, 2, 3, ... pairs: a tile of every width.
    const MatmulIdShape shape{.m = 70, .n = 96, .k = 96, .experts = 14, .used = 1};
    std::vector<std::int32_t> ids;
    for (std::int32_t expert = 0; expert < 14; expert++) ids.insert(ids.end(), std::size_t(expert), expert);
    ids.resize(96, 13);
    std::ranges::shuffle(ids, random);
    const auto plan = plan_matmul_id(device.snapshot(), format, layout, shape);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_GT(plan->parts.size(), 3u);
    run_and_compare(make_problem(
                        format, shape, [&](auto t, auto) { return ids[t]; }, random),
                    *plan);
}

TEST(MatmulIdErrors, NameWhatIsTooSmall) {
    host::Device& device = shared_device();
    Random random(5);
    const Format& f32 = *find_format("f32");
    const Layout layout = preferred_layout(device.snapshot());
    const auto plan =
        plan_matmul_id(device.snapshot(), f32, layout, {.m = 4, .n = 2, .k = 32, .experts = 3, .used = 2});
    ASSERT_TRUE(plan) << plan.error().message;
    auto weights =
        Weights::upload(device, f32, layout, {4, 32, 3}, random_blocks(f32, 4 * 32 * 3, random), "w");
    ASSERT_TRUE(weights) << weights.error().message;
    const host::Buffer x = make_buffer(device, std::vector<float>(128), "x"),
                       y = make_buffer(device, std::vector<float>(16), "y"),
                       ids = make_buffer(device, std::vector<std::int32_t>(4), "ids"),
                       three = make_buffer(device, std::vector<std::int32_t>(3), "three ids");
    const auto scratch = device.allocate(host::Intent::scratch, plan->scratch_bytes, "scratch");
    ASSERT_TRUE(scratch) << scratch.error().message;
    host::Stream stream(device);
    const auto refusal = [&](Operand x_at, Operand ids_at, Operand y_at, Operand scratch_at) {
        const Result<void> refused =
            record_matmul_id(stream, device, *plan, *weights, x_at, ids_at, y_at, scratch_at);
        return refused ? std::string() : refused.error().message;
    };
    EXPECT_NE(refusal({&x}, {&three}, {&y}, {&*scratch}).find("ids needs 16 bytes"), std::string::npos);
    EXPECT_NE(refusal({&x}, {&ids}, {&three}, {&*scratch}).find("y needs 64 bytes"), std::string::npos);
    EXPECT_NE(refusal({&three}, {&ids}, {&y}, {&*scratch}).find("x needs 512 bytes"), std::string::npos);
    EXPECT_NE(refusal({&x}, {&ids}, {&y}, {&three}).find("the scratch needs"), std::string::npos);
    EXPECT_EQ(refusal({&x}, {&ids}, {&y}, {&*scratch}), "");
    weights->shards.clear();
    EXPECT_EQ(refusal({&x}, {&ids}, {&y}, {&*scratch}), "weights of no bytes, where the plan has f32");
}

}  // namespace
}  // namespace tuff::test
