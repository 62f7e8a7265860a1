#include "backend/kv/cache_format.hpp"

#include <gtest/gtest.h>

#include "backend/types.hpp"

namespace tuff::test {
namespace {

std::uint64_t qwen_bytes(std::string_view k, std::string_view v) {
    constexpr std::uint64_t kLayers = 28, kHeads = 4, kPositions = 32768;
    constexpr std::uint32_t kHeadDim = 128;
    return kLayers * kHeads * kPositions *
           (find_cache_format(k)->row_bytes(kHeadDim) + find_cache_format(v)->row_bytes(kHeadDim));
}

TEST(CacheFormat, TakesTheBytesThatQwen2AndAHalf7BIsKnownToNeed) {
    EXPECT_EQ(qwen_bytes("f16", "f16"), 1879048192U);
    EXPECT_EQ(qwen_bytes("bf16", "f16"), 1879048192U);
    EXPECT_EQ(qwen_bytes("q8_0", "q8_0"), 998244352U);
    EXPECT_EQ(qwen_bytes("kv8", "kv8"), 954204160U);
    EXPECT_EQ(qwen_bytes("q5_1", "q5_1"), 704643072U);
    EXPECT_EQ(qwen_bytes("q5_0", "q5_0"), 645922816U);
    EXPECT_EQ(qwen_bytes("q8_0", "q4_0"), 763363328U);
    EXPECT_EQ(qwen_bytes("q4_1", "q4_1"), 587202560U);
    EXPECT_EQ(qwen_bytes("q4_0", "iq4_nl"), 528482304U);
    EXPECT_EQ(qwen_bytes("turbo4", "turbo4"), 484442112U);
    EXPECT_EQ(qwen_bytes("turbo3", "turbo3"), 367001600U);
    EXPECT_EQ(qwen_bytes("turbo2", "turbo2"), 249561088U);
}

TEST(CacheFormat, HoldsExactlyTheBitsOfGgufsBlocks) {
    for (const CacheFormat& format : cache_formats()) {
        if (format.type_id == CacheFormat::kOwnType) continue;
        const TypeInfo* type = find_type(format.type_id);
        ASSERT_NE(type, nullptr);
        EXPECT_EQ(type->name, format.name);
        EXPECT_EQ(format.row_bytes(192), *row_bytes(*type, 192)) << format.name;
    }
}

TEST(CacheFormat, CutsRowsIntoPlanesThatALayoutCanPlace) {
    for (const CacheFormat& format : cache_formats())
        for (std::uint32_t dim = 8; dim <= 576; dim += 8) {
            if (!format.check(dim)) continue;
            const CacheRow row = format.row(dim);
            EXPECT_EQ(row.bytes(), format.row_bytes(dim));
            for (const CacheKind kind : {CacheKind::lanes, CacheKind::wide})
                EXPECT_TRUE(CacheLayout::make(kind, CacheSide::k, row, 2, 40)) << format.name << ' ' << dim;
        }
}

TEST(CacheFormat, TakesThreeBitsAsTwoAndOneAndSixAsFourAndTwo) {
    const std::vector<RowPlane> three = {{PlaneKind::pairs, 2, 0, 32},
                                         {PlaneKind::bits, 1, 2, 16},
                                         {PlaneKind::scales, 16, 0, 2},
                                         {PlaneKind::offsets, 16, 0, 2}};
    const std::vector<RowPlane> six = {{PlaneKind::nibbles, 4, 0, 64},
                                       {PlaneKind::pairs, 2, 4, 32},
                                       {PlaneKind::scales, 16, 0, 2},
                                       {PlaneKind::offsets, 16, 0, 2}};
    EXPECT_EQ(find_cache_format("kv3")->planes(128), three);
    EXPECT_EQ(find_cache_format("kv6")->planes(128), six);
}

TEST(CacheFormat, RotatesBelowEightBitsUnlessToldOtherwise) {
    for (const CacheFormat& format : cache_formats())
        EXPECT_EQ(format.rotates, format.quantized() && format.bits < 8) << format.name;
}

TEST(CacheFormat, RefusesHeadsThatItCannotCut) {
    const CacheFormat &kv4 = *find_cache_format("kv4"), &q4_0 = *find_cache_format("q4_0");
    for (const std::uint32_t dim : {0U, 4U, 100U, 1032U}) EXPECT_FALSE(kv4.check(dim)) << dim;
    EXPECT_TRUE(kv4.check(72));
    EXPECT_TRUE(q4_0.check(96));
    const Result<void> refused = q4_0.check(72);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
    EXPECT_EQ(refused.error().message,
              "q4_0 has blocks of 32 values, which do not divide a head of 72; kv4 does");
}

TEST(CacheFormat, NamesTheChoicesWhereANameIsUnknown) {
    const auto unknown = require_cache_format("turbo5");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, ErrorCode::usage);
    EXPECT_NE(unknown.error().message.find("turbo4, turbo3"), std::string::npos) << unknown.error().message;
}

}  // namespace
}  // namespace tuff::test
