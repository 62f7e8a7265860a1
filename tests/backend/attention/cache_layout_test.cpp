#include "backend/attention/cache_layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace tuff::test {
namespace {

CacheRow row_of(std::initializer_list<CachePlane> planes) {
    CacheRow row;
    for (const CachePlane& plane : planes) row.planes[row.plane_count++] = plane;
    return row;
}

const CacheRow kF16 = row_of({{256, 2}});
const CacheRow kQ8_0 = row_of({{128, 1}, {8, 2}});
const CacheRow kQ4_0 = row_of({{64, 1}, {8, 2}});
const CacheRow kQ5_1 = row_of({{64, 1}, {16, 1}, {8, 2}, {8, 2}});
const CacheRow kKv8 = row_of({{128, 1}, {2, 2}});

class EveryArrangement : public testing::TestWithParam<std::tuple<CacheKind, CacheSide>> {};

INSTANTIATE_TEST_SUITE_P(CacheLayout, EveryArrangement,
                         testing::Combine(testing::Values(CacheKind::lanes, CacheKind::wide),
                                          testing::Values(CacheSide::k, CacheSide::v)),
                         [](const auto& parameters) {
                             return std::string(cache_kind_name(std::get<0>(parameters.param))) +
                                    (std::get<1>(parameters.param) == CacheSide::k ? "_k" : "_v");
                         });

TEST_P(EveryArrangement, TakesNoByteMoreThanTheRowsThemselves) {
    const auto& [kind, side] = GetParam();
    // Qwen2.5-7B: 28 layers, 4 kv heads of 128, 32,768 positions; K and V.
    const auto model_bytes = [&](const CacheRow& row) {
        return CacheLayout::make(kind, side, row, 4, 32768)->bytes() * 2 * 28;
    };
    EXPECT_EQ(model_bytes(kF16), 1'879'048'192u);
    EXPECT_EQ(model_bytes(kQ8_0), 998'244'352u);
    EXPECT_EQ(model_bytes(kQ4_0), 528'482'304u);
    EXPECT_EQ(model_bytes(kKv8), 954'204'160u);
}

TEST_P(EveryArrangement, PutsEveryByteOfEveryRowInAPlaceOfItsOwn) {
    const auto& [kind, side] = GetParam();
    for (const CacheRow& row : {kQ5_1, kF16, row_of({{9, 1}, {36, 4}, {2, 2}})}) {
        constexpr std::uint32_t kHeads = 3, kPositions = 13;
        const auto layout = CacheLayout::make(kind, side, row, kHeads, kPositions);
        ASSERT_TRUE(layout) << layout.error().message;
        EXPECT_EQ(layout->capacity(), 16u);
        std::vector<int> uses(layout->bytes());
        for (const PlacedPlane& plane : layout->planes())
            for (std::uint64_t head = 0; head < kHeads; head++)
                for (std::uint64_t position = 0; position < layout->capacity(); position++)
                    for (std::uint32_t i = 0; i < plane.granules; i++) {
                        const std::uint64_t at =
                            plane.begin + head * plane.head_stride + position / 8 * plane.tile_stride +
                            position % 8 * plane.position_stride + i * plane.granule_stride;
                        EXPECT_EQ(at % plane.granule, 0u);
                        for (std::uint32_t b = 0; b < plane.granule; b++) uses.at(at + b)++;
                    }
        EXPECT_TRUE(std::ranges::all_of(uses, [](int n) { return n == 1; }));
    }
}

TEST_P(EveryArrangement, GivesBackTheRowsItWasGivenAndTouchesNoOthers) {
    const auto& [kind, side] = GetParam();
    const auto layout = *CacheLayout::make(kind, side, kQ5_1, 2, 24);
    const std::uint32_t bytes = layout.row().bytes();
    std::vector<std::byte> rows(11 * bytes), again(11 * bytes), memory(layout.bytes(), std::byte{0xa5});
    for (std::size_t i = 0; i < rows.size(); i++) rows[i] = static_cast<std::byte>(i * 31 + i / 7);
    layout.pack(1, 5, 11, rows, memory);
    layout.unpack(1, 5, 11, memory, again);
    EXPECT_EQ(rows, again);
    std::vector<std::byte> other(24 * bytes), before(5 * bytes), after(8 * bytes);
    layout.unpack(0, 0, 24, memory, other);
    layout.unpack(1, 0, 5, memory, before);
    layout.unpack(1, 16, 8, memory, after);
    for (const auto& untouched : {other, before, after})
        EXPECT_TRUE(std::ranges::all_of(untouched, [](std::byte b) { return b == std::byte{0xa5}; }));
}

TEST(CacheLayout, InterleavesPositionsOfKForLanesAndKeepsRowsOfV) {
    std::vector<std::byte> rows(8 * kQ8_0.bytes());
    for (std::size_t p = 0; p < 8; p++)
        for (std::size_t i = 0; i < kQ8_0.bytes(); i++)
            rows[p * kQ8_0.bytes() + i] = static_cast<std::byte>(p * 16 + i % 16);
    const auto k = *CacheLayout::make(CacheKind::lanes, CacheSide::k, kQ8_0, 1, 8);
    const auto v = *CacheLayout::make(CacheKind::lanes, CacheSide::v, kQ8_0, 1, 8);
    std::vector<std::byte> k_memory(k.bytes()), v_memory(v.bytes());
    k.pack(0, 0, 8, rows, k_memory);
    v.pack(0, 0, 8, rows, v_memory);
    EXPECT_EQ(k_memory[3 * 8 + 5], static_cast<std::byte>(5 * 16 + 3));              // code 3 of position 5
    EXPECT_EQ(v_memory[5 * 128 + 3], static_cast<std::byte>(5 * 16 + 3));            // the same
    EXPECT_EQ(k_memory[1024 + 2 * 16 + 5 * 2], static_cast<std::byte>(5 * 16 + 4));  // scale 2 of position 5
    EXPECT_EQ(v_memory[1024 + 5 * 8 + 2 * 2], static_cast<std::byte>(5 * 16 + 4));
}

TEST(CacheLayout, RefusesWhatHoldsNothingOrCannotBeCut) {
    const auto make = [](const CacheRow& row, std::uint32_t heads, std::uint64_t capacity) {
        return CacheLayout::make(CacheKind::wide, CacheSide::k, row, heads, capacity);
    };
    EXPECT_FALSE(make({}, 1, 8));
    EXPECT_FALSE(make(kF16, 0, 8));
    EXPECT_FALSE(make(kF16, 1, 0));
    EXPECT_FALSE(make(row_of({{6, 4}}), 1, 8));
    EXPECT_FALSE(make(row_of({{6, 3}}), 1, 8));
    EXPECT_FALSE(make(kF16, 1u << 31, std::uint64_t{1} << 40));
    EXPECT_NE(make(kF16, 4, std::uint64_t{1} << 38).error().message.find("2^40"), std::string::npos);
}

}  // namespace
}  // namespace tuff::test
