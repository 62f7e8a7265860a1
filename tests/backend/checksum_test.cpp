#include "backend/load/xxh64.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace tuff::test {
namespace {

std::uint64_t of(std::string_view text) {
    Xxh64 sum;
    sum.add(std::as_bytes(std::span(text)));
    return sum.value();
}

TEST(Xxh64, GivesThePublishedValues) {
    EXPECT_EQ(of(""), 0xEF46DB3751D8E999U);
    EXPECT_EQ(of("a"), 0xD24EC4F1A98C6E5BU);
    EXPECT_EQ(of("abc"), 0x44BC2CF5AD770999U);
    EXPECT_EQ(of("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1U);
}

TEST(Xxh64, DoesNotDependOnHowTheBytesAreCut) {
    std::vector<std::byte> bytes(1000);
    for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::byte>(i * i >> 3);
    Xxh64 whole;
    whole.add(bytes);
    for (const std::size_t step : {1, 7, 31, 32, 33, 500}) {
        Xxh64 pieces;
        for (std::size_t i = 0; i < bytes.size(); i += step)
            pieces.add(std::span(bytes).subspan(i, std::min(step, bytes.size() - i)));
        EXPECT_EQ(pieces.value(), whole.value()) << step;
    }
}

}  // namespace
}  // namespace tuff::test
