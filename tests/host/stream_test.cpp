#include "host/stream.hpp"

#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

class Streams : public DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        if (!HasFatalFailure()) open_device();
    }
};

TEST_F(Streams, RunsInTheOrderOfItsReadsAndWrites) {
    Buffer a = buffer(400000, "a");
    Buffer b = buffer(400000, "b");
    TUFF_OK(fill(*device_, a, 0, a.size(), 5));
    Stream stream(*device_, "chain");
    for (int i = 0; i < 50; ++i) {
        TUFF_OK(record_add(*device_, stream, a, b, 1));
        TUFF_OK(record_add(*device_, stream, b, a, 2));
    }
    TUFF_OK(stream.finish());
    EXPECT_EQ(stream.command_count(), 100U);
    EXPECT_EQ(stream.barrier_count(), 99U);
    TUFF_OK(stream.run());
    EXPECT_EQ(words(a), std::vector<std::uint32_t>(100000, 155));
    EXPECT_EQ(words(b), std::vector<std::uint32_t>(100000, 153));
}

TEST_F(Streams, CanBeRunAgainAndAgain) {
    Buffer a = buffer(4000, "a");
    TUFF_OK(fill(*device_, a, 0, a.size(), 0));
    Stream stream(*device_, "counter");
    TUFF_OK(record_add(*device_, stream, a, a, 1));
    TUFF_OK(stream.finish());
    TUFF_OK(stream.wait());
    for (int i = 0; i < 20; ++i) TUFF_OK(stream.run());
    for (int i = 0; i < 20; ++i) TUFF_OK(stream.submit());
    TUFF_OK(stream.wait());
    EXPECT_EQ(words(a), std::vector<std::uint32_t>(1000, 40));
}

TEST_F(Streams, SeveralInFlightFollowOneAnother) {
    Buffer a = buffer(400000, "a");
    Buffer b = buffer(400000, "b");
    TUFF_OK(fill(*device_, a, 0, a.size(), 0));
    Stream there(*device_, "there");
    Stream back(*device_, "back");
    TUFF_OK(record_add(*device_, there, a, b, 1));
    TUFF_OK(record_add(*device_, back, b, a, 10));
    TUFF_OK(there.finish());
    TUFF_OK(back.finish());
    for (int i = 0; i < 10; ++i) {
        TUFF_OK(there.submit());
        TUFF_OK(back.submit());
    }
    TUFF_OK(back.wait());
    EXPECT_EQ(words(a), std::vector<std::uint32_t>(100000, 110));
}

TEST_F(Streams, WorkThatSharesNothingNeedsNoBarrier) {
    const Buffer source = buffer(4000, "source");
    std::vector<Buffer> targets;
    Stream stream(*device_, "independent");
    for (int i = 0; i < 5; ++i) {
        targets.push_back(buffer(4000, "target"));
        TUFF_OK(record_add(*device_, stream, source, targets.back(), 1));
    }
    EXPECT_EQ(stream.barrier_count(), 0U);
    TUFF_OK(record_add(*device_, stream, targets[2], source, 1));
    EXPECT_EQ(stream.barrier_count(), 1U);
    TUFF_OK(record_add(*device_, stream, targets[3], targets[4], 1));
    EXPECT_EQ(stream.barrier_count(), 1U);
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
}

TEST_F(Streams, CopiesAndFillsTakePartInTheOrder) {
    Buffer a = buffer(4096, "a");
    Buffer b = buffer(4096, "b");
    Stream stream(*device_, "mixed");
    TUFF_OK(stream.fill(a, 0, 4096, 7));
    TUFF_OK(record_add(*device_, stream, a, b, 3));
    TUFF_OK(stream.copy(b, 0, a, 2048, 2048));
    TUFF_OK(stream.copy(a, 2048, a, 0, 100));
    TUFF_OK(stream.copy(a, 0, b, 0, 0));
    EXPECT_EQ(stream.command_count(), 4U);
    EXPECT_EQ(stream.barrier_count(), 3U);
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    const std::vector<std::uint32_t> got = words(a);
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i], i < 25 || i >= 512 ? 10U : 7U) << i;
}

TEST_F(Streams, DispatchAsManyGroupsAsEarlierCommandsSay) {
    Buffer a = buffer(4 * 64 * 8, "a");
    Buffer counts = buffer(32, "counts");
    const Result<const Pipeline*> pipeline =
        device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 1});
    TUFF_OK(pipeline);
    const AddWordsArguments arguments{a.address(), a.address(), 64 * 8};
    const auto push = std::as_bytes(std::span(&arguments, 1));
    const Access whole[] = {Access::read_write(a)};
    Stream stream(*device_, "indirect");
    TUFF_OK(stream.fill(a, 0, a.size(), 5));
    TUFF_OK(stream.fill(counts, 4, 12, 1));
    TUFF_OK(stream.fill(counts, 4, 4, 3));
    TUFF_OK(stream.dispatch_indirect(**pipeline, push, counts, 4, {8, 1, 1}, whole));
    TUFF_OK(stream.fill(counts, 8, 4, 0));
    TUFF_OK(stream.dispatch_indirect(**pipeline, push, counts, 4, {8, 1, 1}, whole));
    EXPECT_EQ(stream.barrier_count(), 4U);
    const auto& limit = probed().limits.max_workgroup_count;
    EXPECT_EQ(stream.dispatch_indirect(**pipeline, push, counts, 4, {1, limit[1] + 1, 1}, whole).error().code,
              ErrorCode::usage);
    EXPECT_EQ(stream.dispatch_indirect(**pipeline, push, counts, 2, {1, 1, 1}, whole).error().code,
              ErrorCode::usage);
    EXPECT_EQ(stream.dispatch_indirect(**pipeline, push, counts, 24, {1, 1, 1}, whole).error().code,
              ErrorCode::usage);
    TUFF_OK(stream.finish());
    for (int run = 0; run < 3; ++run) {
        TUFF_OK(stream.run());
        const std::vector<std::uint32_t> got = words(a);
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i < 3 * 64 ? 6U : 5U) << i;
    }
}

TEST_F(Streams, TimestampsGrow) {
    Buffer a = buffer(4 << 20, "a");
    Stream stream(*device_, "timed");
    const Result<std::uint32_t> first = stream.timestamp();
    if (!first) GTEST_SKIP() << first.error().message;
    EXPECT_EQ(*first, 0U);
    TUFF_OK(record_add(*device_, stream, a, a, 1));
    EXPECT_EQ(*stream.timestamp(), 1U);
    for (int i = 0; i < 4; ++i) TUFF_OK(record_add(*device_, stream, a, a, 1));
    EXPECT_EQ(*stream.timestamp(), 2U);
    TUFF_OK(stream.finish());
    EXPECT_EQ(stream.timestamps_ns().error().code, ErrorCode::usage);
    for (int run = 0; run < 3; ++run) {
        TUFF_OK(stream.run());
        const Result<std::vector<double>> times = stream.timestamps_ns();
        TUFF_OK(times);
        ASSERT_EQ(times->size(), 3U);
        EXPECT_EQ((*times)[0], 0.0);
        EXPECT_GT((*times)[1], 0.0);
        EXPECT_GT((*times)[2], (*times)[1]);
        EXPECT_LT((*times)[2], 60e9);
    }
}

TEST_F(Streams, LabelsNameWhatIsRecordedWithinThem) {
    Buffer a = buffer(4000, "a");
    Stream stream(*device_, "labelled");
    {
        const auto outer = stream.label("layer 0");
        TUFF_OK(record_add(*device_, stream, a, a, 1));
        const auto inner = stream.label("attention");
        TUFF_OK(record_add(*device_, stream, a, a, 1));
    }
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
}

TEST_F(Streams, RefusesGroupCountsBeyondTheLimitByNumber) {
    const Result<const Pipeline*> pipeline =
        device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 1});
    TUFF_OK(pipeline);
    Stream stream(*device_, "large");
    const auto& limit = probed().limits.max_workgroup_count;
    for (const Groups groups : {Groups{0, 1, 1}, Groups{1, 1, 0}, Groups{1, limit[1] + 1, 1}}) {
        const Result<void> refused = stream.dispatch(**pipeline, {}, groups, {});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::usage);
        EXPECT_NE(refused.error().message.find(std::to_string(limit[1])), std::string::npos)
            << refused.error().message;
    }
    const std::array<std::byte, 132> push{};
    EXPECT_EQ(stream.dispatch(**pipeline, push, {1}, {}).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.dispatch(**pipeline, std::span(push).first(6), {1}, {}).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.command_count(), 0U);
}

TEST_F(Streams, RefusesAccessesOutsideTheirBuffers) {
    Buffer a = buffer(4000, "a");
    const Buffer none;
    const Result<const Pipeline*> pipeline =
        device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 1});
    TUFF_OK(pipeline);
    Stream stream(*device_, "outside");
    for (const Access& access :
         {Access::read(a, 4001), Access::write(a, 3996, 8), Access::read(none), Access{}}) {
        EXPECT_EQ(stream.dispatch(**pipeline, {}, {1}, std::array{access}).error().code, ErrorCode::usage);
    }
    EXPECT_EQ(stream.copy(a, 0, a, 100, 200).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.copy(a, 0, a, 3000, 1001).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.fill(a, 1, 4, 0).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.fill(a, 0, 4004, 0).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.command_count(), 0U);
}

TEST_F(Streams, AreRecordedThenRun) {
    Buffer a = buffer(4000, "a");
    Stream stream(*device_, "states");
    EXPECT_EQ(stream.submit().error().code, ErrorCode::usage);
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    EXPECT_EQ(stream.fill(a, 0, 4, 0).error().code, ErrorCode::usage);
    EXPECT_EQ(stream.finish().error().code, ErrorCode::usage);
    EXPECT_EQ(stream.timestamp().error().code, ErrorCode::usage);
}

TEST_F(Streams, MayGoWhileARunIsInFlight) {
    Buffer a = buffer(4 << 20, "a");
    {
        Stream stream(*device_, "short-lived");
        TUFF_OK(record_add(*device_, stream, a, a, 1));
        TUFF_OK(stream.finish());
        TUFF_OK(stream.submit());
    }
    TUFF_OK(device_->wait_idle());
}

}  // namespace
}  // namespace tuff::host::test
