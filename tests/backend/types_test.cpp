#include "backend/types.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace tuff {
namespace {

TEST(Types, FindsEveryTypeByItsIdAndByItsName) {
    EXPECT_EQ(all_types().size(), 35u);
    for (const TypeInfo& type : all_types()) {
        EXPECT_EQ(find_type(type.id), &type) << type.name;
        EXPECT_EQ(find_type(type.name), &type) << type.name;
    }
}

TEST(Types, KnowsTheBlockOfEachFormat) {
    const TypeInfo* q4_k = find_type("q4_k");
    ASSERT_NE(q4_k, nullptr);
    EXPECT_EQ(q4_k->id, 12u);
    EXPECT_EQ(q4_k->block_elements, 256u);
    EXPECT_EQ(q4_k->block_bytes, 144u);
    EXPECT_EQ(q4_k->bits_per_element(), 4.5);
    EXPECT_EQ(find_type("mxfp4")->bits_per_element(), 4.25);
    EXPECT_EQ(find_type("q1_0")->bits_per_element(), 1.125);
}

TEST(Types, HasNoTwoTypesOfOneName) {
    std::set<std::string_view> names;
    for (const TypeInfo& type : all_types()) EXPECT_TRUE(names.insert(type.name).second) << type.name;
}

TEST(Types, FindsNothingForOtherNames) {
    EXPECT_EQ(find_type(""), nullptr);
    EXPECT_EQ(find_type("Q4_K"), nullptr);
    EXPECT_EQ(find_type("q4_2"), nullptr);
}

TEST(Types, TellsWithdrawnIdsFromUnknownOnes) {
    for (const std::uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u}) {
        EXPECT_EQ(find_type(id), nullptr) << id;
        const auto type = require_type(id);
        ASSERT_FALSE(type) << id;
        EXPECT_EQ(type.error().code, ErrorCode::unsupported);
        EXPECT_NE(type.error().message.find("withdrawn"), std::string::npos) << type.error().message;
    }
    for (const std::uint32_t id : {43u, 1000u, 0xffffffffu}) {
        EXPECT_EQ(find_type(id), nullptr) << id;
        const auto type = require_type(id);
        ASSERT_FALSE(type) << id;
        EXPECT_NE(type.error().message.find("unknown"), std::string::npos) << type.error().message;
    }
    ASSERT_TRUE(require_type(14));
    EXPECT_EQ((*require_type(14))->name, "q6_k");
}

TEST(Types, CountsTheBytesOfARow) {
    EXPECT_EQ(row_bytes(*find_type("q6_k"), 4096).value(), 16u * 210);
    EXPECT_EQ(row_bytes(*find_type("f16"), 3).value(), 6u);
    EXPECT_EQ(row_bytes(*find_type("q4_0"), 0).value(), 0u);
}

TEST(Types, RefusesARowThatIsNoMultipleOfTheBlock) {
    const auto bytes = row_bytes(*find_type("q8_0"), 33);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().message, "33 elements are no multiple of 32, the block of q8_0");
}

TEST(Types, RefusesARowWhoseBytesDoNotFitIn64Bits) {
    constexpr std::uint64_t k_fits = std::numeric_limits<std::uint64_t>::max() / 8;
    EXPECT_EQ(row_bytes(*find_type("f64"), k_fits).value(), k_fits * 8);
    EXPECT_FALSE(row_bytes(*find_type("f64"), k_fits + 1));
    EXPECT_FALSE(row_bytes(*find_type("f32"), std::numeric_limits<std::uint64_t>::max()));
}

}  // namespace
}  // namespace tuff
