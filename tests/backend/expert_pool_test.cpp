// Experts brought to a few slots when they are asked for: the same bits as with all of them on the device,
// within the budget.
#include "backend/residency/expert_pool.hpp"

#include <array>

#include "host/fault.hpp"
#include "tests/backend/simulated_card_test.hpp"

namespace tuff::test {
namespace {

// Layers of experts; a token goes through two of each layer, x = B (A x) for each.
class ExpertPoolTest : public SimulatedCardTest {
  protected:
    static constexpr std::uint64_t kLayers = 3, kExperts = 4, kAll = kLayers * kExperts;

    void SetUp() override {
        SimulatedCardTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        Random random(9);
        write_units(kAll, "expert", Residence::streamed, random);
        for (std::uint64_t token = 0; token < 6; token++)
            for (std::uint64_t layer = 0; layer < kLayers; layer++) {
                const std::uint64_t first = random() % kExperts;
                const std::uint64_t second = (first + 1 + random() % (kExperts - 1)) % kExperts;
                chosen_.push_back({layer * kExperts + first, layer * kExperts + second});
            }
    }

    Result<ExpertPool> load(Card& card, std::uint32_t slots) const {
        TUFF_TRY(pool, ExpertPool::make(*card.device, units_, layout_, slots));
        std::vector<LoadTask> tasks;
        for (std::uint64_t i = 0; i < kAll; i++)
            for (std::size_t m = 0; m < units_[i].matrices.size(); m++) tasks.push_back(pool.task(i, m));
        TUFF_CHECK(
            load_weights(*card.device, path_, tasks, {.way = LoadWay::buffered, .slice_bytes = 32 << 10}));
        return std::move(pool);
    }

    // The bits of x after all tokens have gone through all layers.
    Result<std::vector<std::uint32_t>> run(Card& card, ExpertPool& pool) const {
        TUFF_CHECK(upload_x(card));
        std::vector<host::Stream> streams;  // kept until the end: nothing waits for them before
        for (const auto& experts : chosen_) {
            TUFF_TRY(fetched, pool.fetch(experts));
            host::Stream& stream = streams.emplace_back(*card.device, "layer");
            for (const std::span<const Weights> w : fetched.weights) TUFF_CHECK(record_unit(stream, card, w));
            TUFF_CHECK(stream.finish());
            TUFF_CHECK(stream.submit(std::array{fetched.ready}));
            pool.used(stream.last());
        }
        for (host::Stream& stream : streams) TUFF_CHECK(stream.wait());
        return bits_of_x(card);
    }

    std::vector<std::array<std::uint64_t, 2>> chosen_;
};

TEST_F(ExpertPoolTest, GivesTheSameBitsHoweverFewSlotsThereAre) {
    std::vector<std::uint32_t> expected;
    std::uint64_t more_misses = 0;
    for (const std::uint32_t slots : {std::uint32_t{kAll}, 5U, 2U}) {
        SCOPED_TRACE(testing::Message() << slots << " slots");
        Card card;
        ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card));
        auto pool = load(card, slots);
        TUFF_OK(pool);
        const auto bits = run(card, *pool);
        TUFF_OK(bits);
        if (expected.empty()) expected = *bits;
        EXPECT_EQ(*bits, expected);
        EXPECT_EQ(pool->cache().hits() + pool->cache().misses(), 2 * chosen_.size());
        EXPECT_EQ(pool->copied_bytes(), pool->cache().misses() * *image_bytes(units_[0], layout_));
        EXPECT_GE(pool->cache().misses(), more_misses);
        more_misses = pool->cache().misses();
    }
    EXPECT_NE(expected[0], expected[1]);
    EXPECT_GT(more_misses, kAll);
}

TEST_F(ExpertPoolTest, NeverTakesMoreThanItsSlots) {
    Card roomy;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, roomy));
    const std::uint64_t work = roomy.device->heap_use()[0].usage_bytes;
    const std::uint64_t slot = *image_bytes(units_[0], layout_) + host::kTailBytes;
    Card tight;
    ASSERT_NO_FATAL_FAILURE(open_card(work + 3 * slot, tight));
    auto pool = load(tight, 3);
    TUFF_OK(pool);
    EXPECT_EQ(pool->device_bytes(), 3 * slot);
    EXPECT_EQ(pool->host_bytes(), kAll * slot);
    TUFF_OK(run(tight, *pool));
    EXPECT_LE(tight.device->heap_use()[0].peak_bytes, work + 3 * slot);
}

TEST_F(ExpertPoolTest, RefusesWhatItCannotBring) {
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card));
    EXPECT_FALSE(load(card, 0));
    auto pool = load(card, 2);
    TUFF_OK(pool);
    for (const std::vector<std::uint64_t>& wrong :
         std::vector<std::vector<std::uint64_t>>{{0, 1, 2}, {3, 3}, {kAll}}) {
        const auto refused = pool->fetch(wrong);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::usage);
    }
    const auto bits = run(card, *pool);
    TUFF_OK(bits);
}

TEST_F(ExpertPoolTest, SaysSoWhenTheDeviceIsLostOnTheWay) {
    host::FaultInjector faults;
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card, {.dispatch_hook = faults.hook()}));
    auto pool = load(card, 2);
    TUFF_OK(pool);
    faults.lose_device_at_submit(5);
    const auto bits = run(card, *pool);
    ASSERT_FALSE(bits);
    EXPECT_EQ(bits.error().code, ErrorCode::device_lost);
}

}  // namespace
}  // namespace tuff::test
