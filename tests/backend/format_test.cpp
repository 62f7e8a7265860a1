#include "backend/format.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <span>

#include "backend/half.hpp"
#include "tests/backend/golden_file.hpp"
#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/backend/sha256.hpp"

namespace tuff::test {
namespace {

class EveryFormat : public testing::TestWithParam<const Format*> {
  protected:
    const Format& format() const { return *GetParam(); }
};

std::string name_of(const testing::TestParamInfo<const Format*>& info) {
    return std::string(info.param->name);
}
INSTANTIATE_TEST_SUITE_P(Format, EveryFormat, testing::ValuesIn(formats().begin(), formats().end()), name_of);

TEST_P(EveryFormat, IsFoundByItsNameAndItsType) {
    EXPECT_EQ(find_format(format().name), &format());
    EXPECT_EQ(find_format(format().type_id), &format());
    EXPECT_EQ(format().type().name, format().name);
    EXPECT_EQ(format().chunk_elements % format().type().block_elements, 0u);
    EXPECT_EQ(format().chunk_elements % kGroupElements, 0u);
}

TEST_P(EveryFormat, DecodesTheGoldenBlocksToTheSameBits) {
    if (format().name == "f32") return;  // its own golden data
    for (const std::string set : {"", ".rnd"}) {
        const std::string stem = std::string(format().name) + set;
        const std::vector<std::byte> blocks = golden_file(stem + ".q.bin"),
                                     golden = golden_file(stem + ".f32.bin");
        ASSERT_FALSE(blocks.empty()) << stem;
        std::vector<float> values(golden.size() / sizeof(float)), expected(values.size());
        ASSERT_EQ(blocks.size(),
                  values.size() / format().type().block_elements * format().type().block_bytes);
        std::memcpy(expected.data(), golden.data(), golden.size());
        format().decode(blocks.data(), values.size(), values.data());
        for (std::size_t i = 0; i < values.size(); i++)
            ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(expected[i]))
                << stem << " element " << i << ": " << values[i] << " for " << expected[i];
    }
}

// What <format>.sweep.q.bin would hold for formats that have no such file: every finite 16-bit pattern.
std::vector<std::byte> finite_halves(std::uint16_t exponent_mask) {
    std::vector<std::byte> halves;
    for (std::uint32_t bits = 0; bits < 65536; bits++)
        if ((bits & exponent_mask) != exponent_mask)
            for (const std::uint32_t byte : {bits & 255u, bits >> 8}) halves.push_back(std::byte(byte));
    return halves;
}

TEST_P(EveryFormat, DecodesEveryCodeOfTheSweepToTheGoldenDigest) {
    const std::string name(format().name);
    if (name == "f32") return;
    const std::vector<std::byte> blocks = name == "f16"    ? finite_halves(0x7c00)
                                          : name == "bf16" ? finite_halves(0x7f80)
                                                           : golden_file(name + ".sweep.q.bin");
    ASSERT_FALSE(blocks.empty());
    std::vector<float> values(blocks.size() / format().type().block_bytes * format().type().block_elements);
    format().decode(blocks.data(), values.size(), values.data());
    EXPECT_EQ(sha256(std::as_bytes(std::span(values))), golden_sweep_digest(name));
}

TEST_P(EveryFormat, MakesAnyBytesAValidBlockBySettingItsScales) {
    Random random(11);
    const TypeInfo& type = format().type();
    std::vector<std::byte> block(type.block_bytes);
    std::vector<float> values(type.block_elements);
    for (const float scale : {0.0f, 0.01f, -0.01f, 0x1p-24f, 0x1p-130f})
        for (int trial = 0; trial < 200; trial++) {
            for (std::byte& byte : block) byte = std::byte(random() >> 56);
            format().set_scales(block.data(), scale, -scale);
            format().decode(block.data(), values.size(), values.data());
            for (const float value : values) {
                ASSERT_TRUE(std::isfinite(value)) << scale;
                // The largest factor beside the scale is 32 * 128, in q6_k; the scale itself is rounded to 11
                // bits.
                ASSERT_LE(std::fabs(value), 4100 * std::max(std::fabs(scale), 0x1p-24f)) << scale;
            }
        }
}

// Bytes of a chunk in the lanes layout, for the formats that are wider there than in the file.
struct Widened {
    std::string_view format;
    std::uint64_t bytes;
};
constexpr Widened kWidened[] = {{"q3_k", 114},   {"q4_k", 148},    {"q5_k", 180},   {"iq2_xxs", 106},
                                {"iq2_xs", 106}, {"iq3_xxs", 138}, {"iq1_s", 74},   {"iq4_nl", 34},
                                {"iq3_s", 138},  {"iq2_s", 106},   {"iq4_xs", 266}, {"iq1_m", 106},
                                {"tq1_0", 73},   {"mxfp4", 33},    {"nvfp4", 68}};

TEST_P(EveryFormat, PlanesTakeNoMoreBytesThanTheyMustAndJoinToTheSameBits) {
    Random random(7);
    const TypeInfo& type = format().type();
    const std::uint64_t chunk =
        std::uint64_t{format().chunk_elements} / type.block_elements * type.block_bytes;
    const auto* const widened = std::ranges::find(kWidened, format().name, &Widened::format);
    for (const PlaneSet* set : {&format().wide, &format().lanes}) {
        ASSERT_LE(set->planes.size(), kMaxPlanes);
        std::vector<std::vector<std::byte>> planes;
        std::uint64_t bytes = 0;
        for (const Plane& plane : set->planes) {
            planes.emplace_back(std::uint64_t{format().chunk_elements} / plane.elements * plane.bytes);
            EXPECT_EQ(plane.bytes % plane.granule, 0u);
            bytes += planes.back().size();
        }
        EXPECT_EQ(bytes, set == &format().lanes && widened != std::end(kWidened) ? widened->bytes : chunk);
        for (int trial = 0; trial < 100; trial++) {
            std::vector<std::byte> blocks(chunk), again(chunk);
            for (std::byte& byte : blocks) byte = std::byte(random() >> 56);
            std::byte* out[kMaxPlanes] = {};
            const std::byte* in[kMaxPlanes] = {};
            for (std::size_t p = 0; p < planes.size(); p++) in[p] = out[p] = planes[p].data();
            set->split(blocks.data(), out);
            set->join(in, again.data());
            ASSERT_EQ(blocks, again);
        }
    }
}

double bits_per_weight(std::span<const Plane> planes) {
    double bits = 0;
    for (const Plane& plane : planes) bits += 8.0 * plane.bytes / plane.elements;
    return bits;
}

TEST_P(EveryFormat, TakesTheBitsPerWeightThatTheDocumentationSays) {
    std::ifstream file(std::string(TUFF_TEST_DATA) + "/../../docs/formats.md");
    const std::string start = fmt::format("| {} |", format().name);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(start)) continue;
        const TypeInfo& type = format().type();
        EXPECT_TRUE(line.starts_with(fmt::format("{} {} | {} | {} | {} |", start, type.block_elements,
                                                 8.0 * type.block_bytes / type.block_elements,
                                                 bits_per_weight(format().wide.planes),
                                                 bits_per_weight(format().lanes.planes))))
            << line;
        return;
    }
    FAIL() << "docs/formats.md does not list " << format().name;
}

TEST_P(EveryFormat, MagnitudesAreNoSmallerThanTheValues) {
    if (!format().magnitude) return;
    Random random(8);
    const std::uint64_t elements = 16 * format().chunk_elements;
    const std::vector<std::byte> blocks = random_blocks(format(), elements, random);
    std::vector<float> values(elements), magnitudes(elements);
    format().decode(blocks.data(), elements, values.data());
    format().magnitude(blocks.data(), elements, magnitudes.data());
    for (std::uint64_t i = 0; i < elements; i++)
        ASSERT_GE(magnitudes[i], std::fabs(values[i]) * 0.999999f) << i;
}

TEST(Sha256, GivesTheDigestsOfTheStandardsExamples) {
    const auto digest = [](std::string_view text) { return sha256(std::as_bytes(std::span(text))); };
    EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Half, WidensEveryPatternAndRoundsItBack) {
    for (std::uint32_t bits = 0; bits < 65536; bits++) {
        const auto half = static_cast<std::uint16_t>(bits);
        _Float16 native;
        std::memcpy(&native, &half, 2);
        const float wide = half_to_float(half);
        if (std::isnan(wide)) {
            EXPECT_TRUE(std::isnan(static_cast<float>(native)));
            EXPECT_TRUE(std::isnan(half_to_float(float_to_half(wide))));
            continue;
        }
        ASSERT_EQ(std::bit_cast<std::uint32_t>(wide),
                  std::bit_cast<std::uint32_t>(static_cast<float>(native)))
            << bits;
        ASSERT_EQ(float_to_half(wide), half);
    }
}

TEST(Half, RoundsLikeTheCompiler) {
    Random random(9);
    for (int i = 0; i < 200000; i++) {
        auto bits = static_cast<std::uint32_t>(random());
        // Most draws near the half's own exponents.
        if (i % 4 != 0) bits = (bits & 0x807fffffu) | ((100 + bits % 48) << 23);
        const float value = std::bit_cast<float>(bits);
        if (std::isnan(value)) continue;
        const auto native = static_cast<_Float16>(value);
        std::uint16_t expected;
        std::memcpy(&expected, &native, 2);
        ASSERT_EQ(float_to_half(value), expected) << value;
    }
}

}  // namespace
}  // namespace tuff::test
