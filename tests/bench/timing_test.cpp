#include "bench/timing.hpp"

#include <gtest/gtest.h>

#include <set>

#include "bench/operands.hpp"
#include "bench/product.hpp"
#include "tests/bench/shared_session.hpp"

namespace tuff::bench {
namespace {

TEST(Timing, TakesTheSamplesAskedForFromEverySet) {
    Session& session = test::shared_session();
    auto buffer = session.device().allocate(host::Intent::scratch, 4096, "filled");
    ASSERT_TRUE(buffer) << buffer.error().message;
    std::set<std::size_t> seen;
    const RecordExecution record = [&](host::Stream& stream, std::size_t set) {
        seen.insert(set);
        return stream.fill(*buffer, 0, 4096, 1);
    };
    const auto timing = time_executions(session.device(), record, 5, {7, 0});
    ASSERT_TRUE(timing) << timing.error().message;
    EXPECT_EQ(timing->samples_us.size(), 7u);
    EXPECT_EQ(seen.size(), 5u);
    for (const double us : timing->samples_us) EXPECT_GE(us, 0);
}

TEST(Timing, PassesOnWhatGoesWrongInRecording) {
    Session& session = test::shared_session();
    const RecordExecution record = [](host::Stream&, std::size_t) -> Result<void> {
        return fail(ErrorCode::usage, "no");
    };
    const auto timing = time_executions(session.device(), record, 1, {});
    ASSERT_FALSE(timing);
    EXPECT_EQ(timing.error().message, "no");
}

TEST(Product, RotatesOverAsMuchMemoryAsAskedAndEverySetIsRight) {
    Session& session = test::shared_session();
    const Format& format = *find_format("q4_0");
    MatmulShape shape;
    shape.m = 100;
    shape.n = 2;
    shape.k = 64;
    auto plan = plan_matmul(session.snapshot(), format, preferred_layout(session.snapshot()), shape);
    ASSERT_TRUE(plan) << plan.error().message;
    const auto blocks = random_weights(format, shape.weights(), Data::ordinary, 1);
    const auto x = random_activations(shape, Data::ordinary, 2);
    auto product = Product::create(session, format, std::move(*plan), blocks, x, 20'000);
    ASSERT_TRUE(product) << product.error().message;
    EXPECT_GT(product->sets(), 1u);
    EXPECT_GE(product->rotation_bytes(), 20'000u);
    EXPECT_TRUE(product->check_weights());
    for (std::size_t set = 0; set < product->sets(); set++) {
        ASSERT_TRUE(product->poison());
        host::Stream stream(session.device());
        ASSERT_TRUE(product->record(stream, set));
        ASSERT_TRUE(stream.finish());
        ASSERT_TRUE(stream.run());
        const auto check = product->check({});
        ASSERT_TRUE(check) << check.error().message;
        EXPECT_EQ(check->failure, "");
        EXPECT_EQ(check->elements_checked, 200u);
    }
}

TEST(Product, ThatCannotFitIsRefusedBeforeAnythingIsMade) {
    Session& session = test::shared_session();
    const auto fits =
        check_fits(session, *find_format("f32"), Layout::lanes, {std::uint64_t{1} << 30, 4096, 1});
    ASSERT_FALSE(fits);
    EXPECT_EQ(fits.error().code, ErrorCode::out_of_device_memory);
}

}  // namespace
}  // namespace tuff::bench
