#include "backend/gguf.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "tests/backend/gguf_builder.hpp"

namespace tuff {
namespace {

using test::GgufBuilder;

std::vector<std::uint64_t> dims(std::initializer_list<std::uint64_t> list) {
    return list;
}

void expect_refused(const GgufBuilder& file, std::initializer_list<std::string_view> says,
                    ErrorCode code = ErrorCode::malformed) {
    const auto parsed = GgufFile::parse(file.bytes(), "m.gguf");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
    for (const std::string_view part : says) {
        EXPECT_NE(parsed.error().message.find(part), std::string::npos)
            << "'" << part << "' is not in: " << parsed.error().message;
    }
}

// Two keys and two tensors, q8_0 of 64 x 3 and f32 of 5.
GgufBuilder small_model() {
    GgufBuilder file;
    file.header(2, 2);
    file.key("general.architecture", GgufType::string).text("llama");
    file.key("llama.block_count", GgufType::u32).put(std::uint32_t{2});
    file.tensor("a.weight", dims({64, 3}), 8, 0).tensor("b.bias", dims({5}), 0, 224).pad();
    return file.zeros(224 + 20);
}

TEST(Gguf, GivesTypesShapesAndPlacesOfTensors) {
    const GgufBuilder builder = small_model();
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->version(), 3u);
    EXPECT_EQ(file->alignment(), 32u);
    ASSERT_EQ(file->tensors().size(), 2u);

    const GgufTensor* a = file->find_tensor("a.weight");
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(a, &file->tensors()[0]);
    EXPECT_EQ(a->type->name, "q8_0");
    EXPECT_EQ(a->n_dims, 2u);
    EXPECT_EQ(a->dims, (std::array<std::uint64_t, 4>{64, 3, 1, 1}));
    EXPECT_EQ(a->elements, 192u);
    EXPECT_EQ(a->bytes, 6u * 34);
    EXPECT_EQ(a->offset, file->data_offset());
    EXPECT_EQ(file->data(*a).data(), builder.bytes().data() + file->data_offset());
    EXPECT_EQ(file->data(*a).size(), a->bytes);

    const GgufTensor* b = file->find_tensor("b.bias");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(b->offset, file->data_offset() + 224);
    EXPECT_EQ(b->offset + b->bytes, builder.bytes().size());
    EXPECT_EQ(file->find_tensor("c"), nullptr);
    EXPECT_EQ(file->find_tensor(""), nullptr);
}

TEST(Gguf, GivesNoDataForATensorThatIsNotItsOwn) {
    const GgufBuilder builder = small_model();
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file);
    GgufTensor foreign = file->tensors()[0];
    foreign.bytes = builder.bytes().size();
    EXPECT_TRUE(file->data(foreign).empty());
    foreign.offset = ~std::uint64_t{0};
    EXPECT_TRUE(file->data(foreign).empty());
}

TEST(Gguf, FindsKeysByName) {
    GgufBuilder builder;
    builder.header(0, 3);
    builder.key("z", GgufType::u8).put(std::uint8_t{26});
    builder.key("a", GgufType::i16).put(std::int16_t{-1});
    builder.key("m", GgufType::f32).put(0.25f);
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->find_key("z"), &file->keys()[0]);
    EXPECT_EQ(file->find_key("a"), &file->keys()[1]);
    EXPECT_EQ(file->find_key("b"), nullptr);
    EXPECT_EQ(file->get<std::uint64_t>("z").value(), 26u);
    EXPECT_EQ(file->get<std::int64_t>("a").value(), -1);
    EXPECT_EQ(file->get<double>("m").value(), 0.25);
}

TEST(Gguf, SaysWhatAKeyHoldsWhenItIsOfTheWrongType) {
    const GgufBuilder builder = small_model();
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file);
    const auto number = file->get<std::uint64_t>("general.architecture");
    ASSERT_FALSE(number);
    EXPECT_EQ(number.error().code, ErrorCode::malformed);
    EXPECT_EQ(
        number.error().message,
        "m.gguf: key 'general.architecture', byte 24: an integer from 0 to 2^64-1 is expected, the file has "
        "'llama' (string)");
    EXPECT_FALSE(file->find<std::string_view>("llama.block_count"));
    EXPECT_FALSE(file->find<bool>("llama.block_count"));
}

TEST(Gguf, AMissingKeyIsAnErrorOnlyWhereItIsRequired) {
    const GgufBuilder builder = small_model();
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file);
    const auto optional = file->find<std::uint64_t>("llama.context_length");
    ASSERT_TRUE(optional);
    EXPECT_EQ(*optional, std::nullopt);
    const auto required = file->get<std::uint64_t>("llama.context_length");
    ASSERT_FALSE(required);
    EXPECT_NE(required.error().message.find("'llama.context_length' is missing"), std::string::npos);
}

TEST(Gguf, StaysValidWhenMoved) {
    auto opened = GgufFile::open(TUFF_TEST_DATA "/gguf/ok_two_tensors.gguf");
    ASSERT_TRUE(opened) << opened.error().message;
    const GgufFile file = std::move(*opened);
    ASSERT_EQ(file.tensors().size(), 2u);
    EXPECT_EQ(file.find_tensor(file.tensors()[1].name), &file.tensors()[1]);
    EXPECT_EQ(file.data(file.tensors()[0]).data(), file.bytes().data() + file.tensors()[0].offset);
    EXPECT_NE(file.name().find("ok_two_tensors.gguf"), std::string::npos);
}

TEST(Gguf, NamesTheFileThatCannotBeOpened) {
    const auto file = GgufFile::open("no/such\x1b/file.gguf");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::io);
    EXPECT_EQ(file.error().message, "no/such\\x1b/file.gguf: cannot open: No such file or directory");
}

TEST(Gguf, ShowsHostileNamesHarmlessly) {
    const std::string name = "\x1b]0;x\x07" + std::string(500, 'n');
    GgufBuilder file;
    file.header(0, 2);
    for (int i = 0; i < 2; ++i) file.key(name, GgufType::u8).put(std::uint8_t{0});
    const auto parsed = GgufFile::parse(file.bytes(), "a\nb.gguf");
    ASSERT_FALSE(parsed);
    const std::string& message = parsed.error().message;
    EXPECT_TRUE(message.starts_with("a\\nb.gguf: key '\\x1b]0;x\\x07nnn")) << message;
    EXPECT_LT(message.size(), 250u);
    EXPECT_EQ(std::ranges::count_if(message, [](char c) { return c >= 0 && c < ' '; }), 0);
}

TEST(Gguf, RejectsTensorsThatOverlap) {
    GgufBuilder file;
    file.header(3, 0);
    file.tensor("last", dims({8}), 0, 64).tensor("first", dims({17}), 0, 0).tensor("empty", dims({0}), 0, 32);
    file.pad().zeros(96);
    expect_refused(file, {"tensor 'last'", "overlaps that of tensor 'first', 68 bytes from byte"});
}

TEST(Gguf, RejectsTwoTensorsInOnePlace) {
    GgufBuilder file;
    file.header(2, 0).tensor("a", dims({8}), 0, 0).tensor("b", dims({8}), 0, 0).pad().zeros(32);
    expect_refused(file, {"overlaps"});
}

TEST(Gguf, RejectsAWrappingProductEvenIfADimensionIsZero) {
    GgufBuilder file;
    const std::uint64_t half = std::uint64_t{1} << 62;
    file.header(1, 0).tensor("a", dims({0, half, half}), 0, 0).pad();
    expect_refused(file, {"the dimensions up to 2 multiply to 2^63 elements or more"});
}

TEST(Gguf, RejectsAnEmptyTensorBehindTheEnd) {
    GgufBuilder file;
    file.header(1, 0).tensor("a", dims({0}), 0, 64).pad().zeros(32);
    expect_refused(file, {"0 bytes at offset 64 of the data section, which has only 32 bytes"});
}

TEST(Gguf, RejectsAKeyNameLongerThanTheFormatAllows) {
    for (const std::size_t size : {65535u, 65536u}) {
        GgufBuilder file;
        file.header(0, 1).key(std::string(size, 'k'), GgufType::u8).put(std::uint8_t{0});
        if (size == 65535) {
            EXPECT_TRUE(GgufFile::parse(file.bytes(), "m.gguf"));
        } else {
            expect_refused(file, {"key 1, byte 24", "65536 bytes long; 1 to 65535"});
        }
    }
}

TEST(Gguf, RejectsAlignmentInAnArray) {
    GgufBuilder file;
    file.header(0, 1).key("general.alignment", GgufType::array).put(std::uint32_t{4}).put(std::uint64_t{0});
    expect_refused(file, {"stored as array"});
}

TEST(Gguf, LimitsTheNumberOfEntriesWhateverTheSizeOfTheFile) {
    GgufBuilder keys;
    keys.header(0, k_max_gguf_keys + 1).zeros(14 * (k_max_gguf_keys + 1));
    expect_refused(keys, {"1048577 keys exceed the limit of 1048576"}, ErrorCode::unsupported);
    GgufBuilder tensors;
    tensors.header(k_max_gguf_tensors + 1, 0).zeros(24 * (k_max_gguf_tensors + 1));
    expect_refused(tensors, {"1048577 tensors exceed the limit of 1048576"}, ErrorCode::unsupported);
}

TEST(Gguf, ReadsManyKeysAndTensorsInLittleTime) {
    constexpr std::uint64_t k_count = 50000;
    GgufBuilder builder;
    builder.header(k_count, k_count);
    for (std::uint64_t i = 0; i < k_count; ++i) {
        builder.key("key." + std::to_string(i), GgufType::u64).put(i);
    }
    for (std::uint64_t i = 0; i < k_count; ++i)
        builder.tensor("t." + std::to_string(i), dims({8}), 0, i * 32);
    builder.pad().zeros(32 * k_count);
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    ASSERT_TRUE(file) << file.error().message;
    for (const std::uint64_t i : {std::uint64_t{0}, std::uint64_t{4711}, k_count - 1}) {
        EXPECT_EQ(file->get<std::uint64_t>("key." + std::to_string(i)).value(), i);
        EXPECT_EQ(file->find_tensor("t." + std::to_string(i))->offset, file->data_offset() + i * 32);
    }
}

}  // namespace
}  // namespace tuff
