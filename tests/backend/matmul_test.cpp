// Every product kernel this device can run, against the reference, for every format.
#include "backend/matmul.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "backend/reference/matmul.hpp"
#include "tests/backend/golden_file.hpp"
#include "tests/backend/kernel_needs.hpp"
#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/backend/shared_device.hpp"

namespace tuff::test {
namespace {

using reference::DotProduct;

constexpr float kGuard =
    -12345.0f;  // y before the run; what is between strided rows must still be it afterwards

struct Problem {
    const Format* format;
    MatmulAlgorithm algorithm;
    MatmulShape shape;
    std::vector<std::byte> blocks;
    std::vector<float> x;
};

// Runs the problem and compares every element of every batch.
void run_and_compare(const Problem& problem, host::Device& device = shared_device()) {
    const Result<MatmulPlan> plan =
        plan_matmul(device.snapshot(), *problem.format, problem.algorithm, problem.shape);
    ASSERT_TRUE(plan) << plan.error().message;
    const MatmulShape& s = plan->shape;
    SCOPED_TRACE(testing::Message() << plan->describe() << " m " << s.m << " n " << s.n << " k " << s.k
                                    << " batches " << s.batches << "/" << s.w_batches << " strides "
                                    << s.x_stride << " " << s.y_stride);
    Result<Weights> weights = Weights::upload(device, *problem.format, algorithm_layout(problem.algorithm),
                                              s.weights(), problem.blocks, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    std::vector<std::byte> again(problem.blocks.size());
    ASSERT_TRUE(weights->download(device, again));
    ASSERT_EQ(again, problem.blocks);

    const host::Buffer x = make_buffer(device, problem.x, "x");
    const host::Buffer y = make_buffer(device, std::vector<float>(s.y_floats() + 5, kGuard), "y");
    Result<host::Buffer> scratch = device.allocate(host::Intent::scratch, plan->scratch_bytes, "scratch");
    ASSERT_TRUE(scratch) << scratch.error().message;
    host::Stream stream(device);
    const Result<void> recorded = record_matmul(stream, device, *plan, *weights, {&x}, {&y}, {&*scratch});
    ASSERT_TRUE(recorded) << recorded.error().message;
    ASSERT_TRUE(stream.finish());
    for (int replay = 0; replay < 2; replay++) {
        const Result<void> run = stream.run();
        ASSERT_TRUE(run) << run.error().message;
    }

    std::vector<float> result = read_values(device, y);
    double worst = 0;
    const std::uint64_t row_bytes = problem.blocks.size() / (s.m * s.w_batches);
    for (std::uint64_t b = 0; b < s.batches; b++)
        for (std::uint64_t r = 0; r < s.m; r++) {
            const std::uint64_t w_batch = b / (s.batches / s.w_batches);
            const std::byte* row = problem.blocks.data() + (w_batch * s.m + r) * row_bytes;
            const std::vector<DotProduct> dots = reference::dot_row(
                *problem.format, row, s.k, problem.x.data() + b * s.x_batch, s.x_stride, s.n);
            for (std::uint64_t t = 0; t < s.n; t++) {
                float& value = result[b * s.y_batch + t * s.y_stride + r];
                const double error = reference::error_over_bound(value, dots[t], plan->roundings);
                ASSERT_LE(error, 1) << "batch " << b << " row " << r << " token " << t << ": " << value
                                    << " for " << dots[t].value << ", bound "
                                    << reference::error_bound(dots[t], plan->roundings);
                worst = std::max(worst, error);
                value = kGuard;
            }
        }
    for (std::size_t i = 0; i < result.size(); i++)
        ASSERT_EQ(result[i], kGuard) << "float " << i << " is not part of y";
    EXPECT_GE(worst, 0);
}

class Matmul : public testing::TestWithParam<std::tuple<const Format*, MatmulAlgorithm>> {
  protected:
    void SetUp() override {
        const std::string missing =
            lacks(shared_device().snapshot(),
                  std::string(algorithm_name(algorithm())) + "." + std::string(format().name));
        if (!missing.empty()) GTEST_SKIP() << "this device has no " << missing;
    }
    const Format& format() const { return *std::get<0>(GetParam()); }
    MatmulAlgorithm algorithm() const { return std::get<1>(GetParam()); }
    // Elements of `units` of the smallest row step of the format.
    std::uint64_t elements(std::uint64_t units) const {
        const std::uint64_t block = format().type().block_elements;
        return block == 1 ? units : units * block;
    }
    std::uint64_t tokens(std::uint64_t n) const {
        return takes_many(algorithm()) ? n : std::min(n, kMatvecMaxTokens);
    }
    Problem problem(MatmulShape shape) {
        shape.n = tokens(shape.n);
        shape = shape.dense();
        Problem p{&format(), algorithm(), shape, {}, {}};
        p.blocks = random_blocks(format(), shape.m * shape.k * shape.w_batches, random_);
        p.x = random_floats(shape.x_floats(), random_);
        return p;
    }
    Random random_{20260803};
};

std::string kernel_of(const testing::TestParamInfo<std::tuple<const Format*, MatmulAlgorithm>>& parameters) {
    return std::string(std::get<0>(parameters.param)->name) + "_" +
           std::string(algorithm_name(std::get<1>(parameters.param)));
}

INSTANTIATE_TEST_SUITE_P(Kernels, Matmul,
                         testing::Combine(testing::ValuesIn(formats().begin(), formats().end()),
                                          testing::Values(MatmulAlgorithm::matmul_lanes,
                                                          MatmulAlgorithm::matvec_wide,
                                                          MatmulAlgorithm::matmul_wide)),
                         kernel_of);

// The same sources as the wide kernels with another slice(): what differs between them is tested, with few
// pipelines.
class MatmulOfBlocks : public Matmul {
  protected:
    std::uint64_t n() const { return takes_few(algorithm()) ? 1 : 3; }
};

INSTANTIATE_TEST_SUITE_P(Kernels, MatmulOfBlocks,
                         testing::Combine(testing::ValuesIn(formats().begin(), formats().end()),
                                          testing::Values(MatmulAlgorithm::matvec_blocks,
                                                          MatmulAlgorithm::matmul_blocks)),
                         kernel_of);

// A block of 17, 18, 34, ... bytes makes rows of one and of three blocks begin at every alignment there is.
TEST_P(MatmulOfBlocks, MatchesTheReferenceForRowsAtAnyAddress) {
    const bool plain = format().type().block_elements == 1;
    for (const std::uint64_t units :
         plain ? std::vector<std::uint64_t>{31, 33, 64} : std::vector<std::uint64_t>{1, 3})
        run_and_compare(problem({.m = 21, .n = n(), .k = elements(units), .batches = 4, .w_batches = 2}));
}

TEST_P(MatmulOfBlocks, MatchesTheReferenceForEveryKindOfScale) {
    if (format().name == "f32") return;  // has no golden blocks
    Problem p = problem({.m = 16, .n = n(), .k = 256});
    p.blocks = golden_file(std::string(format().name) + ".rnd.q.bin");
    run_and_compare(p);
}

TEST_P(Matmul, MatchesTheReferenceForOddShapes) {
    struct Shape {
        std::uint64_t m, n, units;
    };
    for (const Shape& s : {Shape{1, 1, 1}, {1, 8, 3}, {13, 1, 5}, {8, 5, 4}, {67, 2, 7}, {129, 33, 2}})
        run_and_compare(problem({.m = s.m, .n = s.n, .k = elements(s.units)}));
}

TEST_P(Matmul, MatchesTheReferenceForPlainRowsThatEndInsideAGroup) {
    if (format().type().block_elements != 1) return;  // blocks never do
    for (const std::uint64_t k : {31, 33, 257, 1001}) run_and_compare(problem({.m = 17, .n = 3, .k = k}));
}

TEST_P(Matmul, MatchesTheReferenceForAHugeRow) {
    const std::uint64_t units =
        format().type().block_elements == 1 ? 70001 : 70000 / format().type().block_elements + 1;
    run_and_compare(problem({.m = 9, .n = 1, .k = elements(units)}));
}

TEST_P(Matmul, LeavesTheGapsOfStridedOperandsAlone) {
    const std::uint64_t k = elements(format().type().block_elements == 1 ? 96 : 2);
    run_and_compare(problem({.m = 21, .n = 6, .k = k, .x_stride = k + 3, .y_stride = 29}));
}

TEST_P(Matmul, SharesWeightsAmongBatches) {
    const std::uint64_t k = elements(format().type().block_elements == 1 ? 64 : 1);
    run_and_compare(problem({.m = 19, .n = 3, .k = k, .batches = 6, .w_batches = 2, .y_batch = 3 * 19 + 11}));
}

TEST_P(Matmul, SpreadsWeightsOverBuffersWhereOneIsTooSmall) {
    const std::uint64_t k =
        elements(format().type().block_elements == 1 ? 512 : 512 / format().type().block_elements);
    const std::uint64_t matrix = *matrix_bytes(format(), algorithm_layout(algorithm()), {400, k, 1});
    // Room for one matrix and a half: a shard per batch. Room for half a matrix: several shards per batch.
    for (const std::uint64_t room : {matrix * 3 / 2, matrix / 2}) {
        const std::unique_ptr<host::Device> small = open_device(host::kTailBytes + room);
        // A single token: activations have to fit as well, beside weights of one bit.
        run_and_compare(problem({.m = 400, .n = 1, .k = k, .batches = 4, .w_batches = 2}), *small);
    }
}

TEST_P(Matmul, MatchesTheReferenceForHostileActivations) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::uint64_t k = elements(format().type().block_elements == 1 ? 96 : 2);
    Problem p = problem({.m = 11, .n = 5, .k = k});
    for (std::uint64_t i = 0; i < k; i++) {
        p.x[i] = 0;  // token 0: zeros of both signs
        if (i % 2 == 0) p.x[i] = -0.0f;
        p.x[k + i] = std::numeric_limits<float>::denorm_min() * float(i);  // token 1: subnormals
        p.x[2 * k + i] = (i % 2 == 0 ? 1e30f : -1e30f);                    // token 2: huge
    }
    p.x[3 * k + k / 2] = kInfinity;  // token 3: one infinity
    run_and_compare(p);
}

TEST_P(Matmul, MatchesTheReferenceForZeroWeights) {
    Problem p = problem({.m = 10, .n = 2, .k = elements(format().type().block_elements == 1 ? 96 : 2)});
    std::ranges::fill(p.blocks, std::byte{0});
    run_and_compare(p);
}

TEST_P(Matmul, MatchesTheReferenceForSubnormalAndLargestScales) {
    if (format().name == "f32") return;  // has no golden blocks
    // 4096 elements of random codes; the first blocks have the scales 0, -0, the subnormal ends, and +-65504.
    Problem p = problem({.m = 16, .n = 2, .k = 256});
    p.blocks = golden_file(std::string(format().name) + ".rnd.q.bin");
    run_and_compare(p);
}

TEST(MatmulOfBlocksOnce, SpreadsRowsOverBuffersWhereOneIsTooSmall) {
    const Format& format = *find_format("q4_0");
    Random random(7);
    Problem p{&format,
              MatmulAlgorithm::matvec_blocks,
              MatmulShape{.m = 200, .n = 1, .k = 32, .batches = 2, .w_batches = 2}.dense(),
              {},
              {}};
    p.blocks = random_blocks(format, p.shape.m * p.shape.k * p.shape.w_batches, random);
    p.x = random_floats(p.shape.x_floats(), random);
    const std::unique_ptr<host::Device> small = open_device(host::kTailBytes + 96 * 18);
    run_and_compare(p, *small);
}

TEST(MatmulErrors, NameTheBufferThatIsTooSmall) {
    host::Device& device = shared_device();
    Random random(5);
    const Format& f32 = *find_format("f32");
    const Layout layout = preferred_layout(device.snapshot());
    const Result<MatmulPlan> plan = plan_matmul(device.snapshot(), f32, layout, {.m = 4, .n = 2, .k = 32});
    ASSERT_TRUE(plan);
    Result<Weights> weights =
        Weights::upload(device, f32, layout, {4, 32, 1}, random_blocks(f32, 128, random), "w");
    ASSERT_TRUE(weights);
    const host::Buffer x = make_buffer(device, std::vector<float>(64), "x"),
                       y = make_buffer(device, std::vector<float>(7), "y");
    Result<host::Buffer> scratch = device.allocate(host::Intent::scratch, plan->scratch_bytes, "scratch");
    ASSERT_TRUE(scratch);
    host::Stream stream(device);
    const Result<void> small = record_matmul(stream, device, *plan, *weights, {&x}, {&y}, {&*scratch});
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error().code, ErrorCode::usage);
    EXPECT_NE(small.error().message.find("y needs 32 bytes"), std::string::npos) << small.error().message;
    const Result<void> crooked = record_matmul(stream, device, *plan, *weights, {&x, 2}, {&y}, {&*scratch});
    ASSERT_FALSE(crooked);
    EXPECT_EQ(crooked.error().code, ErrorCode::usage);
    weights->shards.clear();
    const Result<void> none = record_matmul(stream, device, *plan, *weights, {&x}, {&y}, {&*scratch});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::usage);
    EXPECT_EQ(none.error().message, "weights of no bytes, where the plan has f32");
    EXPECT_FALSE(record_matmul(stream, device, *plan, Weights{}, {&x}, {&y}, {&*scratch}));
}

TEST(MatmulErrors, SayWhenWeightsAreShorterThanTheirShape) {
    const Result<Weights> weights = Weights::upload(shared_device(), *find_format("q4_0"), Layout::planes,
                                                    {4, 64, 1}, std::vector<std::byte>(100), "blk.0.ffn_up");
    ASSERT_FALSE(weights);
    EXPECT_EQ(weights.error().code, ErrorCode::usage);
    EXPECT_NE(weights.error().message.find("blk.0.ffn_up"), std::string::npos) << weights.error().message;
}

}  // namespace
}  // namespace tuff::test
