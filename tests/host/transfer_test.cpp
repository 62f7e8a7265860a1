#include "host/transfer.hpp"

#include <stdexcept>

#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

// Every transfer works in place and through staging.
class Transfer : public DeviceTest, public testing::WithParamInterface<bool> {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        if (!HasFatalFailure()) open_device({.force_staging = GetParam()});
    }
};

INSTANTIATE_TEST_SUITE_P(, Transfer, testing::Values(false, true),
                         [](const auto& tested) { return std::string(tested.param ? "Staged" : "InPlace"); });

std::vector<std::byte> pattern(std::size_t bytes) {
    std::vector<std::byte> out(bytes);
    std::uint32_t state = 1;
    for (std::byte& byte : out) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::byte>(state >> 24);
    }
    return out;
}

TEST_P(Transfer, BytesComeBackAsTheyWentAtAnyOffset) {
    const std::uint64_t slot = staging_slot_bytes(device_->snapshot());
    // Shorter than a staging slot, exactly one, exactly the ring, and several rounds of it with a tail.
    for (const std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{1000}, slot, 2 * slot, 3 * slot + 7}) {
        Buffer target = buffer(bytes + 100, "target", Intent::weights);
        const std::vector<std::byte> sent = pattern(bytes);
        std::vector<std::byte> received(bytes);
        TUFF_OK(upload(*device_, target, 3, sent));
        TUFF_OK(readback(*device_, target, 3, received));
        EXPECT_TRUE(sent == received) << bytes;
    }
}

TEST_P(Transfer, APartOfABufferIsABufferOfItsOwn) {
    Buffer whole = buffer(8192, "whole");
    Result<Buffer> part = whole.part(1024, 2048);
    TUFF_OK(part);
    EXPECT_EQ(part->size(), 2048U);
    EXPECT_EQ(part->address(), whole.address() + 1024);
    TUFF_OK(fill(*device_, whole, 0, 8192, 1));
    TUFF_OK(fill(*device_, *part, 256, 256, 2));
    TUFF_OK(upload(*device_, *part, 0, std::vector<std::byte>(4, std::byte{3})));
    Stream stream(*device_);
    TUFF_OK(stream.fill(*part, 4, 4, 4));
    TUFF_OK(stream.copy(*part, 256, *part, 512, 256));
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    std::vector<std::uint32_t> expected(2048, 1);
    expected[256] = 0x03030303;
    expected[257] = 4;
    std::fill_n(expected.begin() + 256 + 64, 128, 2);
    EXPECT_EQ(words(whole), expected);
    EXPECT_EQ(words(*part), std::vector(expected.begin() + 256, expected.begin() + 256 + 512));
    whole = {};  // the part keeps the memory
    EXPECT_EQ(words(*part)[1], 4U);
    EXPECT_FALSE(part->part(1024, 1025));
    EXPECT_FALSE(part->part(100, 1));
}

TEST_P(Transfer, ChunksComeInOrderAndInWholeGranules) {
    const std::uint64_t granule = 1000;
    const std::uint64_t bytes = 2 * staging_slot_bytes(device_->snapshot()) + 4567;
    Buffer target = buffer(bytes, "target", Intent::weights);
    std::uint64_t expected = 0;
    TUFF_OK(upload(
        *device_, target, 0, bytes,
        [&](std::uint64_t at, std::span<std::byte> chunk) {
            EXPECT_EQ(at, expected);
            EXPECT_EQ(at % granule, 0U);
            if (at + chunk.size() != bytes) {
                EXPECT_EQ(chunk.size() % granule, 0U);
            }
            for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = static_cast<std::byte>((at + i) % 251);
            expected += chunk.size();
        },
        granule));
    EXPECT_EQ(expected, bytes);
    std::vector<std::byte> received(bytes);
    TUFF_OK(readback(*device_, target, 0, received));
    for (std::size_t i = 0; i < bytes; ++i) ASSERT_EQ(received[i], static_cast<std::byte>(i % 251)) << i;
}

TEST_P(Transfer, AGranuleLargerThanASlotGetsALargerSlot) {
    const std::uint64_t granule = staging_slot_bytes(device_->snapshot()) + 1;
    Buffer target = buffer(2 * granule, "target", Intent::weights);
    std::uint64_t covered = 0;
    TUFF_OK(upload(
        *device_, target, 0, target.size(),
        [&](std::uint64_t at, std::span<std::byte> chunk) {
            EXPECT_EQ(at % granule, 0U);
            EXPECT_EQ(chunk.size() % granule, 0U);
            covered += chunk.size();
        },
        granule));
    EXPECT_EQ(covered, target.size());
}

TEST_P(Transfer, FillSetsWordsAndOnlyThose) {
    Buffer target = buffer(4096, "target", Intent::weights);
    TUFF_OK(fill(*device_, target, 0, 4096, 0xAAAAAAAA));
    TUFF_OK(fill(*device_, target, 1000, 96, 0x01234567));
    const std::vector<std::uint32_t> got = words(target);
    for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i], i >= 250 && i < 274 ? 0x01234567U : 0xAAAAAAAAU) << i;
    }
}

TEST_P(Transfer, RefusesWhatDoesNotLieWithinTheBuffer) {
    Buffer target = buffer(100, "target", Intent::weights);
    std::array<std::byte, 10> bytes{};
    for (const std::uint64_t offset : {std::uint64_t{91}, std::uint64_t{101}, ~std::uint64_t{0} - 4}) {
        const Result<void> up = upload(*device_, target, offset, bytes);
        ASSERT_FALSE(up);
        EXPECT_EQ(up.error().code, ErrorCode::usage);
        EXPECT_NE(up.error().message.find("'target' of 100 bytes"), std::string::npos) << up.error().message;
        EXPECT_EQ(readback(*device_, target, offset, bytes).error().code, ErrorCode::usage);
        EXPECT_EQ(fill(*device_, target, offset, 10, 0).error().code, ErrorCode::usage);
    }
    EXPECT_EQ(fill(*device_, target, 2, 4, 0).error().code, ErrorCode::usage);
    EXPECT_EQ(fill(*device_, target, 4, 2, 0).error().code, ErrorCode::usage);
    TUFF_OK(upload(*device_, target, 100, std::span<const std::byte>{}));
    TUFF_OK(readback(*device_, target, 100, std::span<std::byte>{}));
}

TEST_P(Transfer, AnExceptionOfTheCallersIsAnError) {
    Buffer target = buffer(100, "target", Intent::weights);
    const Result<void> up = upload(*device_, target, 0, 100, [](std::uint64_t, std::span<std::byte>) {
        throw std::runtime_error("the file went away");
    });
    ASSERT_FALSE(up);
    EXPECT_EQ(up.error().message, "writing 'target': the file went away");
    TUFF_OK(upload(*device_, target, 0, pattern(100)));
}

}  // namespace
}  // namespace tuff::host::test
