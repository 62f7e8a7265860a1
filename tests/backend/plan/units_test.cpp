#include "backend/plan/units.hpp"

#include <gtest/gtest.h>

namespace tuff {
namespace {

Unit unit(UnitKind kind, std::uint64_t bytes, std::uint64_t count = 1) {
    return {kind, 0, count, 1, bytes, bytes, {}, kind == UnitKind::experts ? bytes + 1 : 0};
}

// A table, four layers of 10 bytes and an output of 15.
std::vector<Unit> dense() {
    std::vector<Unit> units{unit(UnitKind::embedding, 100)};
    for (int i = 0; i < 4; i++) units.push_back(unit(UnitKind::layer, 10));
    units.push_back(unit(UnitKind::output, 15));
    return units;
}

Residency placed(const std::vector<Unit>& units, std::uint64_t bytes) {
    const auto got = place_units(units, bytes);
    EXPECT_TRUE(got) << got.error().message;
    return got ? *got : Residency{};
}

TEST(Units, AreAllResidentWhereThereIsRoom) {
    const Residency all = placed(dense(), 155);
    EXPECT_EQ(all.resident_units, 6u);
    EXPECT_EQ(all.device_bytes(), 155u);
    EXPECT_EQ(all.slots, 0u);
    EXPECT_EQ(all.host_bytes, 0u);
}

TEST(Units, TablesReadByTheRowLeaveFirst) {
    for (const std::uint64_t bytes : {154, 55}) {
        const Residency some = placed(dense(), bytes);
        EXPECT_EQ(some.host_visible_units, 1u);
        EXPECT_EQ(some.resident_units, 5u);
        EXPECT_EQ(some.streamed_units, 0u);
        EXPECT_EQ(some.slots, 0u);
        EXPECT_EQ(some.host_bytes, 100u);
    }
}

TEST(Units, TheRestIsStreamedThroughARing) {
    const Residency some = placed(dense(), 54);
    // Three slots of 10 and the output; a layer more would need 55, but then all fit.
    EXPECT_EQ(some.slots, 3u);
    EXPECT_EQ(some.slot_bytes, 10u);
    EXPECT_EQ(some.resident_units, 1u);
    EXPECT_EQ(some.streamed_units, 4u);
    EXPECT_EQ(some.device_bytes(), 45u);
    EXPECT_EQ(some.units.back().resident, 1u);
}

TEST(Units, TwoSlotsServeWhereThreeDoNotFit) {
    EXPECT_EQ(least_bytes(dense()), 30u);  // 2 slots of 15; or the output and 2 slots of 10: 35
    const Residency least = placed(dense(), 30);
    EXPECT_EQ(least.slots, 2u);
    EXPECT_EQ(least.slot_bytes, 15u);
    EXPECT_EQ(least.streamed_units, 5u);
    EXPECT_LE(least.device_bytes(), 30u);
}

TEST(Units, LessThanTheLeastIsRefusedWithTheLeast) {
    const auto got = place_units(dense(), 29);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, ErrorCode::out_of_device_memory);
    EXPECT_NE(got.error().message.find("at least 30 B"), std::string::npos) << got.error().message;
}

std::vector<Unit> with_experts(std::uint64_t used) {
    std::vector<Unit> units;
    for (int i = 0; i < 2; i++) {
        units.push_back(unit(UnitKind::layer, 10));
        units.push_back(unit(UnitKind::experts, 4, 8));
        units.back().used = used;
    }
    units.push_back(unit(UnitKind::output, 15));
    return units;
}

TEST(Units, SlotsForExpertsTakeWhatIsLeft) {
    // All else, nine slots of 5, and 2 bytes that are too few for another.
    const Residency some = placed(with_experts(2), 35 + 9 * 5 + 2);
    EXPECT_EQ(some.resident_units, 3u);
    EXPECT_EQ(some.streamed_units, 16u);
    EXPECT_EQ(some.slots, 0u);
    EXPECT_EQ(some.expert_slots, 9u);
    EXPECT_EQ(some.expert_slot_bytes, 5u);
    EXPECT_EQ(some.device_bytes(), 35u + 9 * 5);
    EXPECT_EQ(some.host_bytes, 16u * 5);
    const Residency all = placed(with_experts(2), 35 + 16 * 4);
    EXPECT_EQ(all.resident_units, 19u);
    EXPECT_EQ(all.expert_slots, 0u);
    EXPECT_EQ(all.host_bytes, 0u);
}

TEST(Units, SlotsForTheExpertsOfOneLayerAreTheLeast) {
    for (const std::uint64_t used : {1, 3, 8}) {
        const std::uint64_t least = 2 * 15 + used * 5;  // all else through two slots of 15
        EXPECT_EQ(least_bytes(with_experts(used)), least);
        const Residency some = placed(with_experts(used), least);
        EXPECT_EQ(some.slots, 2u);
        EXPECT_EQ(some.expert_slots, used);
        EXPECT_EQ(some.device_bytes(), least);
        const auto less = place_units(with_experts(used), least - 1);
        ASSERT_FALSE(less);
        EXPECT_EQ(less.error().code, ErrorCode::out_of_device_memory);
        EXPECT_NE(less.error().message.find("at least " + std::to_string(least)), std::string::npos);
    }
}

TEST(Units, MoreMemoryNeverStreamsMore) {
    std::uint64_t before = ~std::uint64_t{0};
    for (std::uint64_t bytes = least_bytes(dense()); bytes < 160; bytes++) {
        const Residency now = placed(dense(), bytes);
        std::uint64_t streamed = 0;
        for (const PlacedUnit& one : now.units) {
            streamed += one.streamed * one.unit.bytes;
            EXPECT_EQ(one.resident + one.host_visible + one.streamed, one.unit.count);
        }
        EXPECT_LE(now.device_bytes(), bytes);
        EXPECT_LE(streamed, before) << bytes;
        before = streamed;
    }
}

TEST(Units, NumbersThatDoNotFitSaturate) {
    std::vector<Unit> units{unit(UnitKind::experts, ~std::uint64_t{0} / 2, 1000)};
    units[0].used = 2;
    EXPECT_EQ(least_bytes(units), ~std::uint64_t{0});
    EXPECT_FALSE(place_units(units, 1 << 30));
}

}  // namespace
}  // namespace tuff
