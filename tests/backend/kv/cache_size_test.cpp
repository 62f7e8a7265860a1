#include "backend/kv/cache_size.hpp"

#include <gtest/gtest.h>

#include "backend/kv/cache_cells.hpp"

namespace tuff::test {
namespace {

const std::vector<CacheLayer> kQwen(28, CacheLayer{4, 128, 128, 0, false});

CacheOptions options(std::string_view k, std::string_view v, std::uint64_t positions = 32768) {
    CacheOptions made;
    made.positions = positions;
    made.k.format = find_cache_format(k);
    made.v.format = find_cache_format(v);
    return made;
}

TEST(CacheSize, IsExactForQwen2AndAHalf7B) {
    EXPECT_EQ(cache_size(kQwen, options("f16", "f16"))->bytes(), 1879048192U);
    EXPECT_EQ(cache_size(kQwen, options("q8_0", "q8_0"))->bytes(), 998244352U);
    EXPECT_EQ(cache_size(kQwen, options("kv8", "kv8"))->bytes(), 954204160U);
    EXPECT_EQ(cache_size(kQwen, options("q8_0", "q4_0"))->bytes(), 763363328U);
    EXPECT_EQ(cache_size(kQwen, options("q8_0", "q4_0"))->k_bytes(), 499122176U);
    EXPECT_EQ(cache_size(kQwen, {})->bytes(), 1879048192U / 8);  // f16, 4096 positions
}

TEST(CacheSize, RotatesByTheFormatUnlessToldOtherwise) {
    CacheOptions mixed = options("kv8", "kv4");
    EXPECT_EQ(cache_size(kQwen, mixed)->layers[0].k.rotation, Rotation::none);
    EXPECT_EQ(cache_size(kQwen, mixed)->layers[0].v.rotation, Rotation::hadamard);
    mixed.k.rotation = Rotation::signed_hadamard;
    mixed.v.rotation = Rotation::none;
    EXPECT_EQ(cache_size(kQwen, mixed)->layers[0].k.rotation, Rotation::signed_hadamard);
    EXPECT_EQ(cache_size(kQwen, mixed)->layers[0].v.rotation, Rotation::none);
}

TEST(CacheSize, KeepsFirstAndLastPositionsInF16WhereASideIsQuantized) {
    CacheOptions guarded = options("kv4", "f16");
    guarded.sinks = 4;
    guarded.recent = 64;
    guarded.batch = 64;
    const CacheLayerSize layer = cache_size(kQwen, guarded)->layers[5];
    EXPECT_EQ(layer.cells[1], 8U);        // a tile
    EXPECT_EQ(layer.cells[2], 128U + 8);  // a batch, and a tile that is cut
    for (const CacheSideSize& side : {layer.k, layer.v}) {
        EXPECT_EQ(side.bytes[1], 4U * 8 * 256);
        EXPECT_EQ(side.bytes[2], 4U * 136 * 256);
    }
    guarded.sinks = 0;
    EXPECT_EQ(cache_size(kQwen, guarded)->layers[5].cells[1], 8U);
    guarded.k.format = nullptr;
    EXPECT_EQ(cache_size(kQwen, guarded)->layers[5].parts(), 1U);
    guarded = options("kv4", "kv4");
    EXPECT_EQ(cache_size(kQwen, guarded)->layers[5].parts(), 1U);
}

TEST(CacheSize, GivesSlidingWindowLayersTheirWindowABatchAndATile) {
    std::vector<CacheLayer> layers = {{8, 64, 64, 1024, false}, {8, 64, 64, 0, false}};
    CacheOptions made = options("f16", "kv4");
    made.sequences = 2;
    made.recent = 64;
    const Result<CacheSize> size = cache_size(layers, made);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->layers[0].cells[0], 2U * (1024 + 512 + 8));
    EXPECT_EQ(size->layers[0].parts(), 1U);
    EXPECT_EQ(size->layers[1].cells[0], 32768U);
    EXPECT_EQ(size->layers[1].parts(), 3U);
    made.positions = 100;
    EXPECT_EQ(cache_size(layers, made)->layers[0].cells[0], 112U);
}

TEST(CacheSize, KeepsOnlyKWhereVIsAPartOfIt) {
    const std::vector<CacheLayer> mla(61, CacheLayer{1, 576, 0, 0, false});
    EXPECT_EQ(cache_size(mla, options("f16", "f16", 8))->bytes(), 70272U * 8);
}

TEST(CacheSize, CountsNothingForLayersWithoutAttention) {
    EXPECT_EQ(cache_size(std::vector<CacheLayer>{{}, kQwen[0]}, options("f16", "f16", 8))->bytes(),
              8U * 4 * 512);
}

TEST(CacheSize, LetsLayersHaveFormatsOfTheirOwn) {
    CacheOptions made = options("kv4", "kv4");
    made.overrides = {{0, 1, CacheSide::v, {find_cache_format("q8_0"), {}}},
                      {1, 1, CacheSide::v, {find_cache_format("f32"), {}}}};
    const Result<CacheSize> size = cache_size(kQwen, made);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->layers[0].v.format->name, "q8_0");
    EXPECT_EQ(size->layers[1].v.format->name, "f32");
    EXPECT_EQ(size->layers[2].v.format->name, "kv4");
    EXPECT_EQ(size->layers[0].k.format->name, "kv4");
}

TEST(CacheSize, KeepsBiasedKInEightBitsAndSaysSo) {
    std::vector<CacheLayer> layers = kQwen;
    for (const std::size_t i : {0, 1, 2, 27}) layers[i].k_bias = true;
    CacheOptions made = options("kv4", "kv4");
    const Result<CacheSize> size = cache_size(layers, made);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->layers[27].k.format->name, "kv8");
    EXPECT_EQ(size->layers[27].k.rotation, Rotation::hadamard);
    EXPECT_EQ(size->layers[27].v.format->name, "kv4");
    EXPECT_EQ(size->layers[3].k.format->name, "kv4");
    ASSERT_EQ(size->notes.size(), 1U);
    EXPECT_NE(size->notes[0].find("layers 0-2, 27"), std::string::npos) << size->notes[0];
    made.guard_k_bias = false;
    EXPECT_EQ(cache_size(layers, made)->layers[27].k.format->name, "kv4");
    EXPECT_TRUE(cache_size(layers, options("q8_0", "kv2"))->notes.empty());
}

TEST(CacheSize, SaysHowManyPositionsWouldFit) {
    const Result<CacheSize> refused = cache_size_within(kQwen, options("f16", "f16"), 1000000000);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::out_of_device_memory);
    // 57,344 bytes a position, in tiles of 8.
    EXPECT_NE(refused.error().message.find("17432 positions would fit"), std::string::npos)
        << refused.error().message;
    EXPECT_TRUE(cache_size_within(kQwen, options("f16", "f16", 17432), 1000000000));
    EXPECT_EQ(*cache_positions_in(kQwen, options("f16", "f16"), 1000), 0U);
}

TEST(CacheSize, RefusesWhatNoCacheCanBe) {
    EXPECT_FALSE(cache_size({}, {}));
    EXPECT_FALSE(cache_size(kQwen, options("f16", "f16", 0)));
    EXPECT_FALSE(cache_size(std::vector<CacheLayer>{{4, 100, 128, 0, false}}, {}));
    EXPECT_FALSE(cache_size(std::vector<CacheLayer>{{4, 72, 72, 0, false}}, options("q4_0", "f16")));
    CacheOptions made;
    made.sequences = kMaxCacheSequences + 1;
    EXPECT_FALSE(cache_size(kQwen, made));
    const CacheLayer wide{4, 64, 64, kMaxWindow, false}, wider{4, 64, 64, kMaxWindow + 1, false};
    EXPECT_TRUE(cache_size(std::vector{wide}, {}));
    EXPECT_FALSE(cache_size(std::vector{wide, wider}, {}));
    made = {};
    made.overrides = {{20, 28, CacheSide::k, {}}};
    const Result<CacheSize> refused = cache_size(kQwen, made);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "cache formats for layers 20 to 28 of a model with 28 layers");
}

}  // namespace
}  // namespace tuff::test
