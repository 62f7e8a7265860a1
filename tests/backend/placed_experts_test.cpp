// A model of which some layers and the experts that are used stream: the same bits as with all of it on the
// device, within the budget, whatever fails.
#include "host/fault.hpp"
#include "tests/backend/simulated_card_test.hpp"

namespace tuff::test {
namespace {

// Layers of a dense unit and one of experts, of which a pass goes through two, one after the other.
class PlacedExpertsTest : public SimulatedCardTest {
  protected:
    static constexpr std::size_t kLayers = 3, kPasses = 4;
    static constexpr std::uint64_t kExperts = 4;
    static constexpr Residence R = Residence::resident, S = Residence::streamed;

    void SetUp() override {
        SimulatedCardTest::SetUp();
        if (HasFatalFailure() || IsSkipped()) return;
        Random random(11);
        write_units(2 * kLayers, "unit", S, random, kExperts);
        for (std::size_t i = 0; i < units_.size(); i += 2) units_[i] = expert_of(units_[i], 0);
        for (std::size_t use = 0; use < kPasses * kLayers; use++) {
            const std::uint64_t first = random() % kExperts;
            chosen_.push_back({first, (first + 1 + random() % (kExperts - 1)) % kExperts});
        }
    }

    static PlacedModel::Work work(Card& card) {
        return {[&card](host::Stream& stream, std::size_t, std::span<const Weights> w) {
            return record_unit(stream, card, w);
        }};
    }
    // Dense units lie where `where` says by turns.
    Result<PlacedModel> load(Card& card, std::span<const Residence> where, PlacedModel::Slots slots) {
        std::vector<ModelUnit> units = units_;
        for (std::size_t i = 0; i < units.size(); i += 2) units[i].residence = where[i / 2 % where.size()];
        PlacedModel::Work to_do = work(card);
        to_do.choose = [this, use = std::size_t{0}](std::size_t unit) mutable {
            EXPECT_EQ(unit % 2, 1u);
            return chosen_[use++ % chosen_.size()];
        };
        return PlacedModel::load(*card.device, path_, std::move(units), layout_, slots, std::move(to_do),
                                 kHow);
    }
    Result<std::vector<std::uint32_t>> bits_after(Card& card, PlacedModel& model, std::uint64_t passes) {
        TUFF_CHECK(upload_x(card));
        TUFF_CHECK(model.run(passes));
        return bits_of_x(card);
    }
    // Of all passes, with every unit they go through resident.
    Result<std::vector<std::uint32_t>> expected_bits(Card& card) {
        std::vector<ModelUnit> units;
        for (std::size_t use = 0; use < chosen_.size(); use++) {
            units.push_back(units_[2 * (use % kLayers)]);
            for (const std::uint64_t expert : chosen_[use])
                units.push_back(expert_of(units_[2 * (use % kLayers) + 1], expert));
        }
        for (ModelUnit& unit : units) unit.residence = R;
        TUFF_TRY(model,
                 PlacedModel::load(*card.device, path_, std::move(units), layout_, {}, work(card), kHow));
        return bits_after(card, model, 1);
    }

    static inline const LoadOptions kHow{.way = LoadWay::buffered, .slice_bytes = 32 << 10};
    std::vector<std::vector<std::uint64_t>> chosen_;
};

TEST_F(PlacedExpertsTest, GiveTheSameBitsHoweverMuchIsOnTheDevice) {
    Card roomy;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, roomy));
    const std::uint64_t beside = roomy.device->heap_use()[0].usage_bytes;
    const auto expected = expected_bits(roomy);
    TUFF_OK(expected);
    EXPECT_NE((*expected)[0], (*expected)[1]);
    const std::uint64_t image = *image_bytes(units_[0], layout_);
    struct Case {
        std::vector<Residence> where;
        std::uint64_t resident;  // dense units
        PlacedModel::Slots slots;
    };
    std::uint64_t fewer = 0;
    for (const Case& one : {Case{{R}, 3, {0, 12}}, {{R, S}, 2, {2, 7}}, {{S}, 0, {3, 4}}, {{S}, 0, {2, 2}}}) {
        SCOPED_TRACE(testing::Message() << one.resident << " resident, " << one.slots.ring << " slots, "
                                        << one.slots.experts << " of experts");
        // Room for that and what the products work in, and not a byte more.
        const std::uint64_t bytes =
            (one.resident + one.slots.ring + one.slots.experts) * (image + host::kTailBytes) +
            one.resident * host::kTailBytes;  // matrices of resident units have buffers of their own
        Card tight;
        ASSERT_NO_FATAL_FAILURE(open_card(beside + bytes, tight));
        auto model = load(tight, one.where, one.slots);
        TUFF_OK(model);
        EXPECT_EQ(model->device_bytes(), bytes);
        const auto bits = bits_after(tight, *model, kPasses);
        TUFF_OK(bits);
        EXPECT_EQ(*bits, *expected);
        EXPECT_EQ(tight.device->heap_use()[0].peak_bytes, beside + bytes);
        const ExpertCache& cache = model->experts()->cache();
        EXPECT_EQ(cache.hits() + cache.misses(), 2 * chosen_.size());
        EXPECT_GE(cache.misses(), fewer);
        fewer = cache.misses();
        EXPECT_EQ(model->copied_bytes(), ((kLayers - one.resident) * kPasses + cache.misses()) * image);
        // Halves alone leave the bits of a run as they are.
        TUFF_OK(model->run(1, PlacedModel::Half::copies));
        TUFF_OK(model->run(3, PlacedModel::Half::computations));
        const auto again = bits_after(tight, *model, kPasses);
        TUFF_OK(again);
        EXPECT_EQ(*again, *expected);
    }
    EXPECT_GT(fewer, kLayers * kExperts);
}

TEST_F(PlacedExpertsTest, RefuseChoicesThatCannotBeBrought) {
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card));
    const auto refused = [](const auto& got, std::string_view message) {
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().code, ErrorCode::usage);
        EXPECT_NE(got.error().message.find(message), std::string::npos) << got.error().message;
    };
    refused(load(card, std::array{R}, {0, 0}), "there are none");
    refused(PlacedModel::load(*card.device, path_, units_, layout_, {2, 2}, work(card), kHow),
            "nothing chooses");
    auto model = load(card, std::array{R}, {0, 2});
    TUFF_OK(model);
    const auto good = chosen_;
    chosen_.assign(1, {0, kExperts});
    refused(model->run(1), "expert 4 of unit 1");
    chosen_.assign(1, {0, 1, 2});
    refused(model->run(1), "3 experts are needed at once");
    refused(model->run(1, PlacedModel::Half::computations), "3 experts are needed at once");
    chosen_ = good;
}

TEST_F(PlacedExpertsTest, ReportEverySubmissionThatLosesTheDevice) {
    for (std::uint64_t nth = 1; nth <= 1000; nth++) {
        SCOPED_TRACE(testing::Message() << "submission " << nth);
        host::FaultInjector faults;
        Card card;
        ASSERT_NO_FATAL_FAILURE(open_card(kRoomy, card, {.dispatch_hook = faults.hook()}));
        const std::uint64_t before = card.device->heap_use()[0].usage_bytes;
        faults.lose_device_at_submit(nth);
        {
            auto model = load(card, std::array{R, S}, {2, 3});
            const auto bits = model ? bits_after(card, *model, 2) : std::unexpected(model.error());
            if (bits) {  // fewer submissions than that
                EXPECT_GT(nth, 1u);
                return;
            }
            EXPECT_EQ(bits.error().code, ErrorCode::device_lost) << bits.error().message;
        }
        EXPECT_EQ(card.device->heap_use()[0].usage_bytes, before);
    }
    FAIL() << "there are more submissions than were tried";
}

}  // namespace
}  // namespace tuff::test
