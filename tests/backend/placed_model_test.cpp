// A model resident, half streamed and all streamed on a simulated card: the same bits, within the budget,
// whatever fails.
#include "backend/residency/placed_model.hpp"

#include <fstream>

#include "backend/matmul.hpp"
#include "host/fault.hpp"
#include "host/simulated_card.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

// Units of two products each, every unit's result the next one's input: y = B (A x).
class PlacedModelTest : public host::test::DeviceTest {
  protected:
    static constexpr std::uint64_t kWidth = 256, kHidden = 512;
    static constexpr std::size_t kUnits = 6;

    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        if (const auto card = host::simulate_card(probed(), 64 << 20); !card)
            GTEST_SKIP() << card.error().message;
        path_ = directory_.path("model");
        std::ofstream out(path_, std::ios::binary);
        Random random(3);
        std::uint64_t at = 0;
        const Format& format = *find_format("q8_0");
        for (std::size_t i = 0; i < kUnits; i++) {
            ModelUnit unit{"layer " + std::to_string(i), {}, Residence::resident};
            for (const MatrixShape& shape :
                 {MatrixShape{kHidden, kWidth, 1}, MatrixShape{kWidth, kHidden, 1}}) {
                // Small scales: the results of one unit feed the next.
                std::vector<std::byte> blocks = random_blocks(format, shape.rows * shape.elements, random);
                for (std::size_t b = 0; b < blocks.size(); b += 34)
                    format.set_scales(&blocks[b], 0x1p-11F, 0);
                out.write(reinterpret_cast<const char*>(blocks.data()),
                          static_cast<std::streamsize>(blocks.size()));
                unit.matrices.push_back({unit.name, &format, shape, at});
                at += blocks.size();
            }
            units_.push_back(std::move(unit));
        }
        x_ = random_floats(kWidth, random);
        layout_ = preferred_layout(probed());
    }

    // A card, and the buffers one run of the model works in.
    struct Card {
        std::unique_ptr<host::Device> device;
        host::Buffer x, hidden, scratch;
        MatmulPlan up, down;
    };
    void open_card(std::uint64_t budget, Card& card, host::DeviceOptions options = {}) {
        const auto snapshot = host::simulate_card(probed(), budget);
        TUFF_OK(snapshot);
        auto device = open(*snapshot, std::move(options));
        TUFF_OK(device);
        card.device = std::move(*device);
        const Format& format = *find_format("q8_0");
        auto up = plan_matmul(card.device->snapshot(), format, layout_, {.m = kHidden, .n = 1, .k = kWidth});
        auto down =
            plan_matmul(card.device->snapshot(), format, layout_, {.m = kWidth, .n = 1, .k = kHidden});
        TUFF_OK(up);
        TUFF_OK(down);
        card.up = *up;
        card.down = *down;
        device_ = nullptr;
        const auto make = [&](std::uint64_t bytes) {
            auto buffer = card.device->allocate(host::Intent::scratch, bytes, "work");
            EXPECT_TRUE(buffer) << buffer.error().message;
            return buffer ? std::move(*buffer) : host::Buffer();
        };
        card.x = make(kWidth * 4);
        card.hidden = make(kHidden * 4);
        card.scratch = make(std::max(card.up.scratch_bytes, card.down.scratch_bytes));
    }

    Result<PlacedModel> load(Card& card, std::span<const Residence> where, std::uint32_t slots) {
        std::vector<ModelUnit> units = units_;
        for (std::size_t i = 0; i < units.size(); i++) units[i].residence = where[i % where.size()];
        const auto record = [&card](host::Stream& stream, std::size_t,
                                    std::span<const Weights> w) -> Result<void> {
            TUFF_CHECK(record_matmul(stream, *card.device, card.up, w[0], {&card.x}, {&card.hidden},
                                     {&card.scratch}));
            return record_matmul(stream, *card.device, card.down, w[1], {&card.hidden}, {&card.x},
                                 {&card.scratch});
        };
        return PlacedModel::load(*card.device, path_, std::move(units), layout_, slots, record,
                                 {.way = LoadWay::buffered, .slice_bytes = 32 << 10});
    }

    // The bits of x after two passes.
    Result<std::vector<std::uint32_t>> two_passes(Card& card, PlacedModel& model) {
        TUFF_CHECK(host::upload(*card.device, card.x, 0, std::as_bytes(std::span(x_))));
        TUFF_CHECK(model.run(2));
        std::vector<std::uint32_t> bits(kWidth);
        TUFF_CHECK(host::readback(*card.device, card.x, 0, std::as_writable_bytes(std::span(bits))));
        return bits;
    }

    static constexpr Residence R = Residence::resident, S = Residence::streamed, V = Residence::host_visible;
    std::string path_;
    std::vector<ModelUnit> units_;
    std::vector<float> x_;
    Layout layout_{};
};

TEST_F(PlacedModelTest, GivesTheSameBitsWhereverItsUnitsLie) {
    std::vector<std::uint32_t> expected;
    for (const std::vector<Residence>& where :
         std::vector<std::vector<Residence>>{{R}, {R, S}, {S}, {V}, {S, V, R}})
        for (const std::uint32_t slots : {2U, 3U}) {
            SCOPED_TRACE(testing::Message()
                         << residence_name(where[0]) << " of " << where.size() << ", slots " << slots);
            Card card;
            ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, card));
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
    ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, roomy));
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
    ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, card));
    const auto model = load(card, std::array{S}, 1);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, ErrorCode::usage);
}

TEST_F(PlacedModelTest, SaysSoWhenTheDeviceIsLostInMidStream) {
    host::FaultInjector faults;
    Card card;
    ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, card, {.dispatch_hook = faults.hook()}));
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
            ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, card, {.dispatch_hook = faults.hook()}));
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
    for (std::uint64_t nth = 1; nth <= 40; nth++) {
        SCOPED_TRACE(testing::Message() << "submission " << nth);
        host::FaultInjector faults;
        Card card;
        ASSERT_NO_FATAL_FAILURE(open_card(64 << 20, card, {.dispatch_hook = faults.hook()}));
        faults.lose_device_at_submit(nth);
        auto model = load(card, std::array{R, S}, 2);
        const auto bits = model ? two_passes(card, *model) : std::unexpected(model.error());
        if (bits) return;  // fewer submissions than that
        EXPECT_EQ(bits.error().code, ErrorCode::device_lost) << bits.error().message;
    }
}

}  // namespace
}  // namespace tuff::test
