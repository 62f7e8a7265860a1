#include "host/import.hpp"

#include <algorithm>
#include <cstring>

#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

class Import : public DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        if (import_alignment(probed()) == 0) GTEST_SKIP() << "this device imports no host memory";
        open_device();
    }
    HostMemory memory(std::uint64_t bytes) {
        Result<HostMemory> made = HostMemory::allocate(bytes, import_alignment(device_->snapshot()));
        if (!made) {
            ADD_FAILURE() << made.error().message;
            return {};
        }
        return std::move(*made);
    }
    static constexpr std::uint64_t kWords = 100'000;
    static constexpr std::uint64_t kBytes = kWords * 4 + kTailBytes;
};

TEST_F(Import, KernelsReadAndWriteTheHostsMemoryInPlace) {
    const HostMemory from = memory(kBytes), to = memory(kBytes);
    for (std::uint32_t i = 0; i < kWords; ++i) std::memcpy(from.bytes().data() + i * 4, &i, 4);
    Result<Buffer> source = import_host(*device_, from.bytes(), "from"),
                   target = import_host(*device_, to.bytes(), "to");
    TUFF_OK(source);
    TUFF_OK(target);
    EXPECT_EQ(source->size(), from.bytes().size() - kTailBytes);
    EXPECT_EQ(source->mapped().data(), from.bytes().data());
    Stream stream(*device_);
    TUFF_OK(record_add(*device_, stream, *source, *target, 5));
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    for (std::uint32_t i = 0; i < kWords; ++i) {
        std::uint32_t word = 0;
        std::memcpy(&word, to.bytes().data() + i * 4, 4);
        ASSERT_EQ(word, i + 5);
    }
}

TEST_F(Import, CountsPinnedMemoryAgainstItsHeap) {
    const HostMemory pages = memory(64 << 20);
    const Result<Buffer> first = import_host(*device_, pages.bytes(), "pages");
    TUFF_OK(first);
    const std::uint32_t heap = first->where().heap;
    DeviceSnapshot lowered = probed();
    lowered.heaps[heap].budget_bytes = lowered.heaps[heap].usage_bytes + (32 << 20);
    Result<std::unique_ptr<Device>> small = open(lowered);
    TUFF_OK(small);
    const Result<Buffer> refused = import_host(**small, pages.bytes(), "pages");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_NE(refused.error().message.find("would pin 64.0 MiB"), std::string::npos)
        << refused.error().message;
}

TEST_F(Import, RefusesWhatIsNotAligned) {
    const HostMemory pages = memory(1 << 20);
    const Result<Buffer> crooked = import_host(*device_, pages.bytes().subspan(64), "crooked");
    ASSERT_FALSE(crooked);
    EXPECT_NE(crooked.error().message.find("not in multiples of"), std::string::npos)
        << crooked.error().message;
    const Result<Buffer> ragged = import_host(*device_, pages.bytes().first((1 << 20) - 100), "ragged");
    EXPECT_FALSE(ragged);
    EXPECT_FALSE(import_host(*device_, pages.bytes().first(kTailBytes), "tiny"));
}

TEST(HostMemory, IsAlignedZeroedAndOfTheSizeAskedFor) {
    const Result<HostMemory> pages = HostMemory::allocate(100'000, 65536);
    TUFF_OK(pages);
    EXPECT_EQ(pages->bytes().size(), 131072U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages->bytes().data()) % 65536, 0U);
    EXPECT_TRUE(std::ranges::all_of(pages->bytes(), [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(HostMemory, SaysWhatDidNotFit) {
    const Result<HostMemory> pages = HostMemory::allocate(std::uint64_t{1} << 62, 4096);
    ASSERT_FALSE(pages);
    EXPECT_EQ(pages.error().code, ErrorCode::out_of_memory);
}

class Moments : public DeviceTest {};

TEST_F(Moments, OrderStreamsOfBothQueues) {
    open_device();
    Buffer a = buffer(4096, "a"), b = buffer(4096, "b"), c = buffer(4096, "c");
    Stream fill(*device_, "fill"), copy(*device_, "copy", Queue::transfer), add(*device_, "add");
    TUFF_OK(fill.fill(a, 0, 4096, 7));
    TUFF_OK(copy.copy(a, 0, b, 0, 4096));
    TUFF_OK(record_add(*device_, add, b, c, 1));
    for (Stream* stream : {&fill, &copy, &add}) TUFF_OK(stream->finish());
    for (int round = 0; round < 3; round++) {
        TUFF_OK(fill.submit(std::array{add.last()}));
        TUFF_OK(copy.submit(std::array{fill.last()}));
        TUFF_OK(add.submit(std::array{copy.last()}));
        TUFF_OK(device_->wait(add.last()));
        for (const Stream* stream : {&fill, &copy, &add}) {
            const Result<bool> over = device_->reached(stream->last());
            TUFF_OK(over);
            EXPECT_TRUE(*over);
        }
    }
    for (const std::uint32_t word : words(c)) ASSERT_EQ(word, 8U);
}

}  // namespace
}  // namespace tuff::host::test
