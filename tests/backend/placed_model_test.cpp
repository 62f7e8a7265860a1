// A model resident, half streamed and all streamed on a simulated card: the same bits, within the budget,
// whatever fails.
#include "backend/residency/placed_model.hpp"

#include "host/fault.hpp"
#include "tests/backend/simulated_card_test.hpp"

namespace tuff::test {
namespace {

// Every unit's result is the next one's input.
class PlacedModelTest : public SimulatedCardTest {
  protected:
    static constexpr std::size_t kUnits = 6;

    void SetUp() override {
        SimulatedCardTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        Random random(3);
        write_units(kUnits, "layer", Residence::resident, random);
    }

    Result<PlacedModel> load(Card& card, std::span<const Residence> where, std::uint32_t slots) {
        std::vector<ModelUnit> units = units_;
        for (std::size_t i = 0; i < units.size(); i++) units[i].residence = where[i % where.size()];
        const auto record = [&card](host::Stream& stream, std::size_t, std::span<const Weights> w) {
            return record_unit(stream, card, w);
        };
        return PlacedModel::load(*card.device, path_, std::move(units), layout_, {slots, 0}, {record},
                                 {.way = LoadWay::buffered, .slice_bytes = 32 << 10});
    }

    // The bits of x after two passes.
    Result<std::vector<std::uint32_t>> two_passes(Card& card, PlacedModel& model) {
        TUFF_CHECK(upload_x(card));
        TUFF_CHECK(model.run(2));
        return bits_of_x(card);
    }

    static constexpr Residence R = Residence::resident, S = Residence::streamed, V = Residence::host_visible;
};

TEST_F(PlacedModelTest, GivesTheSameBitsWhereverItsUnitsLie) {
    std::vector<std::uint32_t> expected;
    for (const std::vector<Residence>& where :
         std::vector<std::vector<Residence>>{{R}, {R, S}, {S}, {V}, {S, V, R}})
        for (const std::uint32_t slots : {2U, 3U}) {
            SCOPED_TRACE(testing::Message()
                         << residence_name(where[0]) << " of " << where.size() << ", slots " << slots);
            Card card;
            ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card));
            auto model = load(card, where, slots);
            TUFF_OK(model);
            const auto bits = two_passes(card, *model);
            TUFF_OK(bits);
            if (expected.empty()) expected = *bits;
            EXPECT_EQ(*bits, expected);
        }
    EXPECT_NE(expected[0], expected[1]);
}

TEST_F(PlacedModelTest, StreamsThroughABudgetFarBelowItsSize) {
    const std::uint64_t unit = *image_bytes(units_[0], layout_);
    Card roomy;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, roomy));
    const std::uint64_t work = roomy.device->heap_use()[0].usage_bytes;
    auto resident = load(roomy, std::array{R}, 2);
    TUFF_OK(resident);
    const auto expected = two_passes(roomy, *resident);
    TUFF_OK(expected);

    // Room for two slots and what the products work in, and not a byte more.
    const std::uint64_t budget = work + 2 * (unit + host::kTailBytes);
    Card tight;
    ASSERT_NO_FATAL_FAILURE(open_card(budget, tight));
    auto streamed = load(tight, std::array{S}, 2);
    TUFF_OK(streamed);
    EXPECT_EQ(streamed->device_bytes(), 2 * (unit + host::kTailBytes));
    EXPECT_EQ(streamed->host_bytes(), kUnits * (unit + host::kTailBytes));
    const auto bits = two_passes(tight, *streamed);
    TUFF_OK(bits);
    EXPECT_EQ(*bits, *expected);
    EXPECT_EQ(tight.device->heap_use()[0].peak_bytes, budget);
}

TEST_F(PlacedModelTest, RefusesToStreamThroughOneSlot) {
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card));
    const auto model = load(card, std::array{S}, 1);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, ErrorCode::usage);
}

TEST_F(PlacedModelTest, SaysSoWhenTheDeviceIsLostInMidStream) {
    host::FaultInjector faults;
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card, {.dispatch_hook = faults.hook()}));
    auto model = load(card, std::array{S}, 2);
    TUFF_OK(model);
    faults.lose_device_at_submit(7);
    const auto bits = two_passes(card, *model);
    ASSERT_FALSE(bits);
    EXPECT_EQ(bits.error().code, ErrorCode::device_lost);
}

// Each allocation of a load and each mapping fails in turn, alone and with all after it: a clear error or
// none, and afterwards a device that loads and computes.
TEST_F(PlacedModelTest, OutlivesEveryAllocationAndMappingThatFailsDuringALoad) {
    constexpr std::uint64_t kNever = host::FaultInjector::kForever;
    const auto load_and_run = [&](Card& card) -> Result<std::vector<std::uint32_t>> {
        TUFF_TRY(model, load(card, std::array{R, S}, 2));
        return two_passes(card, model);
    };
    std::vector<std::uint32_t> expected;
    int refused = 0;
    using Fail = void (host::FaultInjector::*)(std::uint64_t, std::uint64_t);
    const auto fail_in_turn = [&](Fail fail, auto calls, std::uint64_t count) {
        for (std::uint64_t nth = 1;; nth++) {
            SCOPED_TRACE(testing::Message() << "call " << nth << " and " << count - 1 << " after it");
            host::FaultInjector faults;
            Card card;  // a fresh one: an allocator that has been used keeps memory
            ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card, {.dispatch_hook = faults.hook()}));
            (faults.*fail)(nth, count);
            const auto bits = load_and_run(card);
            const bool reached = (faults.*calls)() >= nth;
            (faults.*fail)(kNever, 0);
            if (bits) {
                if (expected.empty()) expected = *bits;
                EXPECT_EQ(*bits, expected);
            } else {
                refused++;
                EXPECT_NE(bits.error().code, ErrorCode::device_lost);
                EXPECT_FALSE(bits.error().message.empty());
                const auto again = load_and_run(card);
                TUFF_OK(again);
                if (!expected.empty()) {
                    EXPECT_EQ(*again, expected);
                }
            }
            if (!reached) return;
        }
    };
    for (const std::uint64_t count : {std::uint64_t{1}, kNever}) {
        fail_in_turn(&host::FaultInjector::fail_allocations, &host::FaultInjector::allocations, count);
        fail_in_turn(&host::FaultInjector::fail_maps, &host::FaultInjector::maps, count);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(refused, 0);
}

TEST_F(PlacedModelTest, ReportsEverySubmissionThatLosesTheDevice) {
    for (std::uint64_t nth = 1; nth <= 1000; nth++) {
        SCOPED_TRACE(testing::Message() << "submission " << nth);
        host::FaultInjector faults;
        Card card;
        ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card, {.dispatch_hook = faults.hook()}));
        faults.lose_device_at_submit(nth);
        auto model = load(card, std::array{R, S}, 2);
        const auto bits = model ? two_passes(card, *model) : std::unexpected(model.error());
        if (bits) {  // fewer submissions than that
            EXPECT_GT(nth, 1u);
            return;
        }
        EXPECT_EQ(bits.error().code, ErrorCode::device_lost) << bits.error().message;
    }
    FAIL() << "there are more submissions than were tried";
}

}  // namespace
}  // namespace tuff::test
