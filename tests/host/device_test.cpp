#include "host/device.hpp"

#include <numeric>

#include "host/caps.hpp"
#include "host/fault.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

using DeviceOpen = DeviceTest;
using Memory = DeviceTest;
using Faults = DeviceTest;

TEST_F(DeviceOpen, TakesOnlyWhatTheLoweredSnapshotNames) {
    DeviceSnapshot lowered = probed();
    for (std::size_t i = static_cast<std::size_t>(Feature::storage8); i < kFeatureCount; ++i) {
        lowered.features.set(static_cast<Feature>(i), false);
    }
    const Result<std::unique_ptr<Device>> device = open(lowered);
    TUFF_OK(device);
    EXPECT_EQ((*device)->snapshot(), lowered);
}

TEST_F(DeviceOpen, RefusesADeviceBelowTheFloorAndOneThatIsNotThere) {
    DeviceSnapshot lowered = probed();
    lowered.features.set(Feature::buffer_device_address, false);
    const Result<std::unique_ptr<Device>> below = open(lowered);
    ASSERT_FALSE(below);
    EXPECT_EQ(below.error().code, ErrorCode::unsupported);
    EXPECT_NE(below.error().message.find("no buffer_device_address"), std::string::npos)
        << below.error().message;
    const Result<std::unique_ptr<Device>> absent = Device::open(*instance_, 1000, probed());
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().code, ErrorCode::usage);
}

TEST_F(DeviceOpen, BuffersOutliveTheirDeviceAndInstance) {
    open_device();
    const Buffer kept = buffer(1000, "kept");
    device_.reset();
    instance_.reset();
    EXPECT_EQ(kept.size(), 1000U);
}

TEST_F(DeviceOpen, ADeviceThatHasStagedGoesWithItsHandle) {
    open_device({.force_staging = true});
    Buffer target = buffer(1000, "target", Intent::weights);
    TUFF_OK(upload(*device_, target, 0, std::vector<std::byte>(1000)));
    TUFF_OK(device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 1}));
    const std::weak_ptr<DeviceCore> core = device_->core();
    device_.reset();
    EXPECT_FALSE(core.expired());  // the buffer still needs it
    target = {};
    EXPECT_TRUE(core.expired());
    EXPECT_EQ(directory_.entries(), 1U);  // and its pipelines were kept
}

TEST_F(DeviceOpen, AConstantIsUploadedOnceAndGoesWithTheDevice) {
    open_device();
    std::vector<std::uint32_t> table(64);
    std::iota(table.begin(), table.end(), 1000U);
    const Result<std::uint64_t> first = device_->constant("table", std::as_bytes(std::span(table)));
    TUFF_OK(first);
    EXPECT_NE(*first, 0U);
    // Kernels read it where its address says.
    const Buffer to = buffer(256, "to");
    const Result<const Pipeline*> pipeline =
        device_->pipeline(add_words(), std::array<std::uint32_t, 2>{64, 1});
    TUFF_OK(pipeline);
    Stream stream(*device_);
    const AddWordsArguments arguments{*first, to.address(), 64};
    const auto push = std::as_bytes(std::span(&arguments, 1)).first(20);  // the rest is padding
    TUFF_OK(stream.dispatch(**pipeline, push, {1}, std::array{Access::write(to)}));
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    for (std::uint32_t& word : table) word++;
    EXPECT_EQ(words(to), table);

    const std::uint64_t others[] = {*device_->constant("table", std::as_bytes(std::span(table))),
                                    *device_->constant("other", std::as_bytes(std::span(table)))};
    EXPECT_EQ(others[0], *first);
    EXPECT_NE(others[1], *first);
}

TEST_F(DeviceOpen, ADeviceWithConstantsGoesWithItsHandle) {
    open_device();
    TUFF_OK(device_->constant("table", std::vector<std::byte>(100)));
    const std::weak_ptr<DeviceCore> core = device_->core();
    device_.reset();
    EXPECT_TRUE(core.expired());
}

TEST_F(Memory, EveryIntentGivesAlignedAddressableMemory) {
    open_device();
    for (const Intent intent :
         {Intent::weights, Intent::cache, Intent::scratch, Intent::upload, Intent::readback}) {
        for (const std::uint64_t bytes : {0, 1, 1000, 3 << 20}) {
            const Buffer made = buffer(bytes, "some", intent);
            EXPECT_EQ(made.size(), bytes);
            EXPECT_NE(made.address(), 0U);
            EXPECT_EQ(made.address() % kAddressAlignment, 0U);
            EXPECT_EQ(made.intent(), intent);
            EXPECT_EQ(made.label(), "some");
            ASSERT_LT(made.where().type, probed().memory_types.size());
            EXPECT_EQ(made.where().properties, probed().memory_types[made.where().type]);
            EXPECT_FALSE(made.where().wish.empty());
            if (intent == Intent::upload || intent == Intent::readback) {
                EXPECT_EQ(made.mapped().size(), bytes);
            }
        }
    }
}

TEST_F(Memory, AnEmptyBufferHasNothing) {
    const Buffer none;
    EXPECT_FALSE(none);
    EXPECT_EQ(none.size(), 0U);
    EXPECT_EQ(none.address(), 0U);
    EXPECT_TRUE(none.mapped().empty());
}

TEST_F(Memory, RefusesMoreThanTheLargestBuffer) {
    open_device();
    for (const std::uint64_t bytes : {probed().limits.max_buffer_bytes, ~std::uint64_t{0}}) {
        const Result<Buffer> made = device_->allocate(Intent::weights, bytes, "blk.0.ffn_up.weight");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().code, ErrorCode::out_of_device_memory);
        EXPECT_NE(made.error().message.find("blk.0.ffn_up.weight"), std::string::npos)
            << made.error().message;
    }
}

TEST_F(Memory, ALoweredHeapIsAWall) {
    std::string heaps;
    for (std::size_t i = 0; i < probed().heaps.size(); ++i) {
        heaps += std::string(i == 0 ? "" : ",") + R"({"budget_bytes": 67108864})";
    }
    const Result<DeviceSnapshot> lowered = lower(probed(), R"({"heaps": [)" + heaps + "]}");
    TUFF_OK(lowered);
    Result<std::unique_ptr<Device>> device = open(*lowered);
    TUFF_OK(device);
    TUFF_OK((*device)->allocate(Intent::weights, 16 << 20, "fits"));
    const Result<Buffer> made = (*device)->allocate(Intent::weights, 100 << 20, "does not fit");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::out_of_device_memory);
    EXPECT_NE(made.error().message.find("'does not fit' (weights) needs 100.0 MiB"), std::string::npos)
        << made.error().message;
    EXPECT_NE(made.error().message.find("of 64.0 MiB left"), std::string::npos) << made.error().message;
}

TEST_F(Memory, ALoweredAllocationLimitIsKept) {
    const Result<DeviceSnapshot> lowered =
        lower(probed(), R"({"limits": {"max_allocation_bytes": 1048576}})");
    TUFF_OK(lowered);
    Result<std::unique_ptr<Device>> device = open(*lowered);
    TUFF_OK(device);
    const Result<Buffer> made = (*device)->allocate(Intent::weights, 1 << 20, "too large");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::out_of_device_memory);
}

TEST_F(Memory, HeapUseGrowsWithAllocations) {
    open_device();
    const std::vector<HeapUse> before = device_->heap_use();
    const Buffer made = buffer(300 << 20, "large", Intent::weights);
    ASSERT_TRUE(made);
    const std::size_t heap = made.where().heap;
    EXPECT_GE(device_->heap_use()[heap].usage_bytes, before[heap].usage_bytes + (300U << 20));
    EXPECT_LE(device_->heap_use()[heap].free_bytes, device_->heap_use()[heap].budget_bytes);
}

TEST_F(Faults, RunningOutOfMemorySaysWhatWasAskedAndWhatIsLeftAndHarmsNothing) {
    FaultInjector faults;
    open_device({.dispatch_hook = faults.hook()});
    faults.fail_allocations(1);
    const Result<Buffer> made = device_->allocate(Intent::cache, 5 << 20, "kv cache of layer 3");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, ErrorCode::out_of_device_memory);
    EXPECT_NE(made.error().message.find("'kv cache of layer 3' (cache) needs 5.0 MiB; heap 0"),
              std::string::npos)
        << made.error().message;
    EXPECT_GT(faults.allocations(), 0U);
    faults.fail_allocations(FaultInjector::kForever);
    EXPECT_TRUE(device_->allocate(Intent::cache, 5 << 20, "again"));
    EXPECT_FALSE(device_->lost());
}

TEST_F(Faults, StagingThatCannotBeAllocatedIsAnErrorOfTheUpload) {
    FaultInjector faults;
    open_device({.dispatch_hook = faults.hook(), .force_staging = true});
    Buffer target = buffer(1 << 20, "target", Intent::weights);
    const std::vector<std::byte> data(1 << 20);
    faults.fail_allocations(1);
    // The 1 MiB buffer's block may have room for staging; fill it up first.
    std::vector<Buffer> filler;
    for (;;) {
        Result<Buffer> more = device_->allocate(Intent::upload, 16 << 20, "filler");
        if (!more) break;
        filler.push_back(std::move(*more));
    }
    const Result<void> uploaded = upload(*device_, target, 0, data);
    ASSERT_FALSE(uploaded);
    EXPECT_EQ(uploaded.error().code, ErrorCode::out_of_device_memory);
    filler.clear();
    faults.fail_allocations(FaultInjector::kForever);
    TUFF_OK(upload(*device_, target, 0, data));
}

TEST_F(Faults, ALostDeviceStaysLost) {
    FaultInjector faults;
    open_device({.dispatch_hook = faults.hook()});
    const Buffer from = buffer(4096, "from");
    const Buffer to = buffer(4096, "to");
    Stream stream(*device_, "doomed");
    TUFF_OK(record_add(*device_, stream, from, to, 1));
    TUFF_OK(stream.finish());
    faults.lose_device_at_submit(2);
    TUFF_OK(stream.run());
    const Result<void> second = stream.run();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::device_lost);
    EXPECT_TRUE(device_->lost());
    EXPECT_EQ(faults.submits(), 2U);
    EXPECT_EQ(stream.run().error().code, ErrorCode::device_lost);
    EXPECT_EQ(device_->allocate(Intent::scratch, 1, "late").error().code, ErrorCode::device_lost);
    EXPECT_EQ(device_->pipeline(add_words(), {}).error().code, ErrorCode::device_lost);
    EXPECT_EQ(device_->wait_idle().error().code, ErrorCode::device_lost);
    std::array<std::byte, 4> out{};
    EXPECT_EQ(readback(*device_, to, 0, out).error().code, ErrorCode::device_lost);
    EXPECT_EQ(faults.submits(), 2U);
}

TEST_F(Faults, ADeviceLostWhileWorkIsInFlightIsNoticedByTheWait) {
    FaultInjector faults;
    open_device({.dispatch_hook = faults.hook()});
    const Buffer from = buffer(4096, "from");
    const Buffer to = buffer(4096, "to");
    Stream running(*device_, "running");
    Stream losing(*device_, "losing");
    for (Stream* stream : {&running, &losing}) {
        TUFF_OK(record_add(*device_, *stream, from, to, 1));
        TUFF_OK(stream->finish());
    }
    TUFF_OK(running.submit());
    faults.lose_device_at_submit(1);
    EXPECT_EQ(losing.submit().error().code, ErrorCode::device_lost);
    EXPECT_EQ(running.wait().error().code, ErrorCode::device_lost);
}

}  // namespace
}  // namespace tuff::host::test
