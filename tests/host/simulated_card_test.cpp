#include "host/simulated_card.hpp"

#include "host/import.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::host::test {
namespace {

class SimulatedCard : public DeviceTest {
  protected:
    static constexpr std::uint64_t kCard = 8 << 20;
    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        const Result<DeviceSnapshot> card = simulate_card(probed(), kCard);
        if (!card) GTEST_SKIP() << card.error().message;
        Result<std::unique_ptr<Device>> device = open(*card);
        TUFF_OK(device);
        device_ = std::move(*device);
    }
};

TEST_F(SimulatedCard, KeepsWorkOnTheCardAndOutOfTheHostsSight) {
    const Buffer weights = buffer(1 << 20, "weights", Intent::weights),
                 ring = buffer(1 << 20, "ring", Intent::upload);
    EXPECT_TRUE(weights.where().properties.device_local);
    EXPECT_TRUE(weights.mapped().empty());
    EXPECT_FALSE(ring.where().properties.device_local);
    EXPECT_EQ(ring.mapped().size(), 1U << 20);
    const std::vector<HeapUse> use = device_->heap_use();
    ASSERT_EQ(use.size(), 2U);
    EXPECT_EQ(use[0].usage_bytes, (1 << 20) + kTailBytes);
    EXPECT_EQ(use[0].budget_bytes, kCard);
    EXPECT_EQ(use[1].usage_bytes, (1 << 20) + kTailBytes);
}

TEST_F(SimulatedCard, ComputesAndTransfersAsAnyDevice) {
    Buffer from = buffer(4096, "from"), to = buffer(4096, "to");
    std::vector<std::uint32_t> sent(1024);
    for (std::uint32_t i = 0; i < 1024; ++i) sent[i] = i;
    TUFF_OK(upload(*device_, from, 0, std::as_bytes(std::span(sent))));
    Stream stream(*device_);
    TUFF_OK(record_add(*device_, stream, from, to, 3));
    TUFF_OK(stream.finish());
    TUFF_OK(stream.run());
    for (std::uint32_t& word : sent) word += 3;
    EXPECT_EQ(words(to), sent);
}

TEST_F(SimulatedCard, FallsBackToTheHostWhereTheCardIsFullAndRemembersTheMost) {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 7; ++i) buffers.push_back(buffer(1 << 20, "part"));
    EXPECT_FALSE(buffers.back().where().slow);
    const Buffer spilled = buffer(1 << 20, "spilled");
    EXPECT_TRUE(spilled.where().slow);
    EXPECT_FALSE(spilled.where().properties.device_local);
    const std::uint64_t seven = 7 * ((1 << 20) + kTailBytes);
    EXPECT_EQ(device_->heap_use()[0].usage_bytes, seven);
    buffers.clear();
    EXPECT_EQ(device_->heap_use()[0].usage_bytes, 0U);
    EXPECT_EQ(device_->heap_use()[0].peak_bytes, seven);
}

TEST_F(SimulatedCard, ImportsIntoTheHostsHeap) {
    if (import_alignment(probed()) == 0) GTEST_SKIP() << "this device imports no host memory";
    const Result<HostMemory> pages = HostMemory::allocate(1 << 20, import_alignment(probed()));
    TUFF_OK(pages);
    {
        const Result<Buffer> imported = import_host(*device_, pages->bytes(), "pages");
        TUFF_OK(imported);
        EXPECT_EQ(imported->where().heap, 1U);
        EXPECT_EQ(device_->heap_use()[1].usage_bytes, pages->bytes().size());
    }
    EXPECT_EQ(device_->heap_use()[1].usage_bytes, 0U);
}

TEST_F(SimulatedCard, IsRefusedOnACardAndBeyondTheMemoryThereIs) {
    const Result<DeviceSnapshot> twice = simulate_card(device_->snapshot(), kCard);
    ASSERT_FALSE(twice);
    EXPECT_NE(twice.error().message.find("has memory of its own"), std::string::npos)
        << twice.error().message;
    EXPECT_FALSE(simulate_card(probed(), std::uint64_t{1} << 60));
    EXPECT_FALSE(simulate_card(probed(), 0));
}

}  // namespace
}  // namespace tuff::host::test
