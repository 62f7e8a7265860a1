#include "host/access.hpp"

#include <gtest/gtest.h>

namespace tuff::host {
namespace {

using Range = AccessTracker::Range;

Range read(std::uint64_t begin, std::uint64_t end, std::uint64_t buffer = 1) {
    return {buffer, begin, end, true, false};
}
Range write(std::uint64_t begin, std::uint64_t end, std::uint64_t buffer = 1) {
    return {buffer, begin, end, false, true};
}

TEST(AccessTracker, OnlyReadAfterReadNeedsNoBarrier) {
    AccessTracker after_read;
    after_read.add(read(0, 100));
    EXPECT_FALSE(after_read.conflicts(read(0, 100)));
    EXPECT_TRUE(after_read.conflicts(write(50, 51)));
    AccessTracker after_write;
    after_write.add(write(0, 100));
    EXPECT_TRUE(after_write.conflicts(read(99, 200)));
    EXPECT_TRUE(after_write.conflicts(write(0, 1)));
}

TEST(AccessTracker, RangesThatOnlyTouchDoNotMeet) {
    AccessTracker tracker;
    tracker.add(write(100, 200));
    EXPECT_FALSE(tracker.conflicts(read(0, 100)));
    EXPECT_FALSE(tracker.conflicts(write(200, 300)));
    EXPECT_FALSE(tracker.conflicts(write(150, 150)));
    EXPECT_TRUE(tracker.conflicts(write(0, 101)));
}

TEST(AccessTracker, BuffersAreApart) {
    AccessTracker tracker;
    tracker.add(write(0, 100, 1));
    EXPECT_FALSE(tracker.conflicts(read(0, 100, 2)));
}

TEST(AccessTracker, NeighboursJoinWithoutReachingFurther) {
    AccessTracker tracker;
    for (std::uint64_t at = 0; at < 100; at += 10) tracker.add(write(at, at + 10));
    tracker.add(write(200, 300));
    EXPECT_TRUE(tracker.conflicts(read(95, 96)));
    EXPECT_FALSE(tracker.conflicts(read(100, 200)));
    EXPECT_TRUE(tracker.conflicts(read(299, 300)));
}

TEST(AccessTracker, ABarrierForgetsEverything) {
    AccessTracker tracker;
    tracker.add(write(0, 100));
    EXPECT_FALSE(tracker.empty());
    tracker.clear();
    EXPECT_TRUE(tracker.empty());
    EXPECT_FALSE(tracker.conflicts(write(0, 100)));
}

}  // namespace
}  // namespace tuff::host
