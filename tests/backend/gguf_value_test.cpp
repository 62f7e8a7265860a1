#include "backend/gguf_value.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "backend/gguf_reader.hpp"
#include "tests/backend/gguf_builder.hpp"

namespace tuff {
namespace {

using test::GgufBuilder;

// `file` must outlive the value.
GgufValue read_value(const GgufBuilder& file) {
    GgufReader in(file.bytes(), "file");
    return in.value().value();
}

GgufBuilder array_of(GgufType type, std::uint64_t count) {
    GgufBuilder file;
    file.put(static_cast<std::uint32_t>(GgufType::array)).put(static_cast<std::uint32_t>(type)).put(count);
    return file;
}

TEST(GgufValue, IndexIsTheTypeInTheFile) {
    EXPECT_EQ(type_of(GgufValue(std::uint8_t{1})), GgufType::u8);
    EXPECT_EQ(type_of(GgufValue(true)), GgufType::boolean);
    EXPECT_EQ(type_of(GgufValue(std::string_view("x"))), GgufType::string);
    EXPECT_EQ(type_of(GgufValue(GgufArray())), GgufType::array);
    EXPECT_EQ(type_of(GgufValue(1.0)), GgufType::f64);
    EXPECT_EQ(name_of(GgufType::f64), "f64");
    EXPECT_TRUE(is_gguf_type(12));
    EXPECT_FALSE(is_gguf_type(13));
}

TEST(GgufValue, AnyIntegerServesForAnIntegerIfItFits) {
    EXPECT_EQ(convert<std::uint64_t>(std::uint8_t{7}), 7u);
    EXPECT_EQ(convert<std::uint64_t>(std::int32_t{7}), 7u);
    EXPECT_EQ(convert<std::uint64_t>(std::int64_t{-1}), std::nullopt);
    EXPECT_EQ(convert<std::int64_t>(std::int8_t{-1}), -1);
    EXPECT_EQ(convert<std::int64_t>(~std::uint64_t{0}), std::nullopt);
    EXPECT_EQ(convert<std::int64_t>(~std::uint64_t{0} >> 1), INT64_MAX);
}

TEST(GgufValue, EitherFloatServesForADouble) {
    EXPECT_EQ(convert<double>(0.5f), 0.5);
    EXPECT_EQ(convert<double>(0.1), 0.1);
}

TEST(GgufValue, NothingElseConverts) {
    EXPECT_EQ(convert<std::uint64_t>(std::string_view("7")), std::nullopt);
    EXPECT_EQ(convert<std::uint64_t>(true), std::nullopt);
    EXPECT_EQ(convert<std::uint64_t>(7.0), std::nullopt);
    EXPECT_EQ(convert<double>(std::uint32_t{7}), std::nullopt);
    EXPECT_EQ(convert<bool>(std::uint8_t{1}), std::nullopt);
    EXPECT_EQ(convert<std::string_view>(GgufArray()), std::nullopt);
    EXPECT_FALSE(convert<GgufArray>(std::uint32_t{7}));
}

TEST(GgufValue, ArraysOfNumbersAreReadFromAnyAddress) {
    for (std::size_t shift = 0; shift < 8; ++shift) {
        GgufBuilder file = array_of(GgufType::i64, 3);
        file.put(std::int64_t{1}).put(std::int64_t{-2}).put(std::int64_t{INT64_MAX});
        std::vector<std::byte> bytes(shift);
        bytes.insert(bytes.end(), file.bytes().begin(), file.bytes().end());
        const std::span<const std::byte> all(bytes);
        GgufReader in(all.subspan(shift), "file");
        const auto array = convert<GgufArray>(in.value().value());
        ASSERT_TRUE(array);
        std::vector<std::int64_t> numbers;
        for (const GgufValue& element : *array) numbers.push_back(std::get<std::int64_t>(element));
        EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, -2, INT64_MAX}));
    }
}

TEST(GgufValue, ArraysOfStringsKeepEmptyOnesAndZeroBytes) {
    GgufBuilder file = array_of(GgufType::string, 3);
    file.text("").text(std::string_view("a\0b", 3)).text("\xff");
    const auto array = convert<GgufArray>(read_value(file));
    ASSERT_TRUE(array);
    EXPECT_EQ(array->count(), 3u);
    std::vector<std::string> strings;
    for (const GgufValue& element : *array) strings.emplace_back(std::get<std::string_view>(element));
    EXPECT_EQ(strings, (std::vector<std::string>{"", std::string("a\0b", 3), "\xff"}));
}

TEST(GgufValue, ABoolIsTrueForAnyByteButZero) {
    GgufBuilder file = array_of(GgufType::boolean, 3);
    file.put(std::uint8_t{0}).put(std::uint8_t{1}).put(std::uint8_t{0x80});
    EXPECT_EQ(to_text(read_value(file)), "[false, true, true]");
}

TEST(GgufValue, TextShortensLongArraysAndEscapesStrings) {
    GgufBuilder numbers = array_of(GgufType::u16, 5);
    for (std::uint16_t i = 0; i < 5; ++i) numbers.put(i);
    EXPECT_EQ(to_text(read_value(numbers)), "[0, 1, 2, 3, 4]");
    EXPECT_EQ(to_text(read_value(numbers), 2), "[0, 1, ... 5 u16]");
    EXPECT_EQ(to_text(read_value(numbers), 0), "[... 5 u16]");
    EXPECT_EQ(to_text(GgufValue(GgufArray())), "[]");
    EXPECT_EQ(to_text(GgufValue(std::string_view("it's\n"))), "'it\\'s\\n'");
    EXPECT_EQ(to_text(GgufValue(1e-5f)), "1e-05");
    EXPECT_EQ(to_text(GgufValue(std::int8_t{-5})), "-5");
    EXPECT_EQ(to_text(GgufValue(std::uint8_t{65})), "65");
}

}  // namespace
}  // namespace tuff
