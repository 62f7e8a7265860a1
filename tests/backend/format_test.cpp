#include "backend/format.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "backend/half.hpp"
#include "tests/backend/golden_file.hpp"
#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"

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

TEST_P(EveryFormat, PlanesTakeNoMoreBytesThanTheyMustAndJoinToTheSameBits) {
    Random random(7);
    const TypeInfo& type = format().type();
    for (const PlaneSet* set : {&format().wide, &format().lanes}) {
        ASSERT_LE(set->planes.size(), kMaxPlanes);
        std::vector<std::vector<std::byte>> planes;
        std::uint64_t bytes = 0;
        for (const Plane& plane : set->planes) {
            planes.emplace_back(std::uint64_t{format().chunk_elements} / plane.elements * plane.bytes);
            EXPECT_EQ(plane.bytes % plane.granule, 0u);
            bytes += planes.back().size();
        }
        const std::uint64_t chunk =
            std::uint64_t{format().chunk_elements} / type.block_elements * type.block_bytes;
        EXPECT_LE(bytes, set == &format().wide ? chunk : chunk + chunk / 32);
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
