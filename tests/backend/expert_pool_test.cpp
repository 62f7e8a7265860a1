// Experts brought to a few slots when they are asked for: the same bits as with all of them on the device,
// within the budget.
#include "backend/residency/expert_pool.hpp"

#include <array>
#include <fstream>

#include "backend/matmul.hpp"
#include "host/fault.hpp"
#include "host/simulated_card.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

// Layers of experts; a token goes through two of each layer, x = B (A x) for each.
class ExpertPoolTest : public host::test::DeviceTest {
  protected:
    static constexpr std::uint64_t kWidth = 256, kHidden = 512, kLayers = 3, kExperts = 4;
    static constexpr std::uint64_t kAll = kLayers * kExperts;
    static constexpr std::uint64_t kRoomy = 64 << 20;

    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        if (const auto card = host::simulate_card(probed(), kRoomy); !card)
            GTEST_SKIP() << card.error().message;
        path_ = directory_.path("experts");
        layout_ = preferred_layout(probed());
        std::ofstream out(path_, std::ios::binary);
        Random random(9);
        std::uint64_t at = 0;
        const Format& format = *find_format("q8_0");
        for (std::uint64_t i = 0; i < kAll; i++) {
            ModelUnit& unit = experts_.emplace_back();
            unit.name = "expert " + std::to_string(i);
            unit.residence = Residence::streamed;
            for (const MatrixShape& shape :
                 {MatrixShape{kHidden, kWidth, 1}, MatrixShape{kWidth, kHidden, 1}}) {
                std::vector<std::byte> blocks = random_blocks(format, shape.rows * shape.elements, random);
                for (std::size_t b = 0; b < blocks.size(); b += 34)
                    format.set_scales(&blocks[b], 0x1p-11F, 0);
                out.write(reinterpret_cast<const char*>(blocks.data()),
                          static_cast<std::streamsize>(blocks.size()));
                unit.matrices.push_back({unit.name, &format, shape, at});
                at += blocks.size();
            }
        }
        x_ = random_floats(kWidth, random);
        for (std::uint64_t token = 0; token < 6; token++)
            for (std::uint64_t layer = 0; layer < kLayers; layer++) {
                const std::uint64_t first = random() % kExperts;
                const std::uint64_t second = (first + 1 + random() % (kExperts - 1)) % kExperts;
                chosen_.push_back({layer * kExperts + first, layer * kExperts + second});
            }
    }

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
        const auto up = plan_matmul(*snapshot, format, layout_, {.m = kHidden, .n = 1, .k = kWidth});
        const auto down = plan_matmul(*snapshot, format, layout_, {.m = kWidth, .n = 1, .k = kHidden});
        TUFF_OK(up);
        TUFF_OK(down);
        card.up = *up;
        card.down = *down;
        for (const auto& [buffer, bytes] :
             {std::pair{&card.x, kWidth * 4},
              {&card.hidden, kHidden * 4},
              {&card.scratch, std::max(up->scratch_bytes, down->scratch_bytes)}}) {
            auto made = card.device->allocate(host::Intent::scratch, bytes, "work");
            TUFF_OK(made);
            *buffer = std::move(*made);
        }
    }

    Result<ExpertPool> load(Card& card, std::uint32_t slots) const {
        return ExpertPool::load(*card.device, path_, experts_, layout_, slots,
                                {.way = LoadWay::buffered, .slice_bytes = 32 << 10});
    }

    // The bits of x after all tokens have gone through all layers.
    Result<std::vector<std::uint32_t>> run(Card& card, ExpertPool& pool) const {
        TUFF_CHECK(host::upload(*card.device, card.x, 0, std::as_bytes(std::span(x_))));
        std::vector<host::Stream> streams;  // kept until the end: nothing waits for them before
        for (const auto& experts : chosen_) {
            TUFF_TRY(fetched, pool.fetch(experts));
            host::Stream& stream = streams.emplace_back(*card.device, "layer");
            for (const std::span<const Weights> w : fetched.weights) {
                TUFF_CHECK(record_matmul(stream, *card.device, card.up, w[0], {&card.x}, {&card.hidden},
                                         {&card.scratch}));
                TUFF_CHECK(record_matmul(stream, *card.device, card.down, w[1], {&card.hidden}, {&card.x},
                                         {&card.scratch}));
            }
            TUFF_CHECK(stream.finish());
            TUFF_CHECK(stream.submit(std::array{fetched.ready}));
            pool.used(stream.last());
        }
        for (host::Stream& stream : streams) TUFF_CHECK(stream.wait());
        std::vector<std::uint32_t> bits(kWidth);
        TUFF_CHECK(host::readback(*card.device, card.x, 0, std::as_writable_bytes(std::span(bits))));
        return bits;
    }

    std::string path_;
    Layout layout_{};
    std::vector<ModelUnit> experts_;
    std::vector<float> x_;
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
    const std::uint64_t slot = *image_bytes(experts_[0], layout_) + host::kTailBytes;
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
