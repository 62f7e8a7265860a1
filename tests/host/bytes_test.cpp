#include "host/bytes.hpp"

#include <gtest/gtest.h>

namespace tuff::host {
namespace {

constexpr std::uint64_t kMost = ~std::uint64_t{0};

TEST(Bytes, AreReadAsPeopleWriteThem) {
    const auto bytes = [](std::string_view text) { return parse_bytes(text).value_or(kMost); };
    EXPECT_EQ(bytes("0"), 0U);
    EXPECT_EQ(bytes("4096"), 4096U);
    EXPECT_EQ(bytes("512 B"), 512U);
    EXPECT_EQ(bytes("8GiB"), std::uint64_t{8} << 30);
    EXPECT_EQ(bytes("8G"), std::uint64_t{8} << 30);
    EXPECT_EQ(bytes("1.5 mib"), std::uint64_t{3} << 19);
    EXPECT_EQ(bytes("24GB"), 24'000'000'000U);
    EXPECT_EQ(bytes("2k"), 2048U);
    EXPECT_EQ(bytes("1TiB"), std::uint64_t{1} << 40);
    EXPECT_EQ(bytes("9007199254740993"), 9007199254740993U);  // more digits than a double holds
    EXPECT_EQ(parse_bytes("18446744073709551615").value_or(0), kMost);
}

TEST(Bytes, EverythingElseIsRefusedWithWhatWasWritten) {
    for (const char* text : {"", "GiB", "8 GiBs", "8XB", "-1", "-1GiB", "1e9", "nan", "inf", "8GiB8",
                             "99999PiB", "18446744073709551616", "8.GiB.", "0x10", "8ib", "8bib"}) {
        const auto got = parse_bytes(text);
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().code, ErrorCode::usage);
        EXPECT_NE(got.error().message.find(fmt::format("'{}' is not a number of bytes", text)),
                  std::string::npos);
    }
}

TEST(Bytes, ArithmeticSaturates) {
    EXPECT_EQ(plus_saturating(kMost - 1, 1), kMost);
    EXPECT_EQ(plus_saturating(kMost, 1), kMost);
    EXPECT_EQ(minus_saturating(1, 2), 0U);
    EXPECT_EQ(minus_saturating(2, 1), 1U);
    EXPECT_EQ(times_saturating(std::uint64_t{1} << 32, std::uint64_t{1} << 32), kMost);
    EXPECT_EQ(times_saturating(3, 4), 12U);
    EXPECT_EQ(times_saturating(kMost, 0), 0U);
}

}  // namespace
}  // namespace tuff::host
