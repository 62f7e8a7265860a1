#include "backend/kv/row_codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "backend/half.hpp"
#include "backend/types.hpp"
#include "tests/backend/golden_file.hpp"

namespace tuff::test {
namespace {

const CacheFormat& format(std::string_view name) {
    return *find_cache_format(name);
}

std::vector<float> round_trip(const CacheFormat& f, const std::vector<float>& values) {
    std::vector<std::byte> row(f.row_bytes(static_cast<std::uint32_t>(values.size())));
    std::vector<float> decoded(values.size());
    encode_row(f, values, row);
    decode_row(f, row, decoded);
    return decoded;
}

// Squared error of normal heads of 128 values over their squares.
double normal_error(std::string_view name) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    double error = 0, power = 0;
    std::vector<float> head(128);
    for (int row = 0; row < 2000; row++) {
        for (float& value : head) value = normal(random);
        const std::vector<float> decoded = round_trip(format(name), head);
        for (std::size_t i = 0; i < head.size(); i++) {
            const double off = head[i] - decoded[i];
            error += off * off;
            power += double{head[i]} * head[i];
        }
    }
    return error / power;
}

TEST(RowCodec, LosesOnNormalDataWhatTheCodesMust) {
    const struct {
        std::string_view name;
        double error;
    } expected[] = {
        {"f32", 0},       {"q8_0", 2.86e-5}, {"kv8", 4.2e-5},    {"q5_1", 1.43e-3},   {"q5_0", 1.82e-3},
        {"q4_1", 6.1e-3}, {"q4_0", 7.37e-3}, {"turbo4", 9.2e-3}, {"turbo3", 3.39e-2}, {"turbo2", 1.18e-1},
    };
    // 2000 heads: a relative standard deviation of about 0.3 %; the expected figures have 2 or 3 digits.
    for (const auto& [name, error] : expected) EXPECT_NEAR(normal_error(name), error, 0.025 * error) << name;
}

TEST(RowCodec, ClipsWhatPlainAffineCodesWouldWaste) {
    // From the smallest to the largest value of 128, without clipping, that is 1.17e-2, 5.3e-2 and 0.28.
    EXPECT_LT(normal_error("kv6"), 5.8e-4);
    EXPECT_LT(normal_error("kv5"), 2.3e-3);
    EXPECT_LT(normal_error("kv4"), 9.2e-3);
    EXPECT_LT(normal_error("kv3"), 3.5e-2);
    EXPECT_LT(normal_error("kv2"), 1.21e-1);
}

// A block's bytes: where GGUF puts its parts.
struct BlockParts {
    std::string_view name;
    std::uint32_t bytes, codes, high;  // offsets; high 0: no fifth bits
};

std::uint32_t block_code(const BlockParts& parts, const std::byte* block, std::uint32_t i) {
    if (parts.name == "q8_0") return load<std::uint8_t>(block + parts.codes + i);
    const auto byte = load<std::uint8_t>(block + parts.codes + i % 16);
    const std::uint32_t low = i < 16 ? byte & 15U : byte >> 4;
    return parts.high == 0 ? low : low | (load<std::uint32_t>(block + parts.high) >> i & 1U) << 4;
}

TEST(RowCodec, WritesTheScalesAndCodesOfGgufsReferenceQuantizer) {
    const BlockParts all[] = {
        {"q8_0", 34, 2, 0}, {"q5_1", 24, 8, 4}, {"q5_0", 22, 6, 2}, {"q4_1", 20, 4, 0}, {"q4_0", 18, 2, 0}};
    const std::vector<std::byte> input = golden_file("input.f32.bin");
    for (const BlockParts& parts : all) {
        const CacheFormat& f = format(parts.name);
        const std::vector<std::byte> golden = golden_file(std::string(parts.name) + ".q.bin");
        ASSERT_EQ(golden.size(), input.size() / 4 / 32 * parts.bytes);
        for (std::size_t block = 0; block < golden.size() / parts.bytes; block++) {
            std::vector<float> values(32);
            std::memcpy(values.data(), &input[block * 128], 128);
            std::vector<std::byte> row(f.row_bytes(32));
            encode_row(f, values, row);
            const std::byte* expected = &golden[block * parts.bytes];
            const bool affine = f.coding == CacheCoding::affine;
            const std::byte* halves = &row[row.size() - (affine ? 4 : 2)];
            ASSERT_EQ(std::memcmp(halves, expected, affine ? 4 : 2), 0) << parts.name << ' ' << block;
            for (std::uint32_t i = 0; i < 32; i++) {
                std::uint32_t code = 0;
                const std::byte* plane = row.data();
                for (const RowPlane& p : f.planes(32)) {
                    if (p.width > 8) break;
                    const std::uint32_t field = i / (4 * p.width);
                    const auto byte = load<std::uint8_t>(plane + i % (4 * p.width));
                    code |= (byte >> (field * p.width) & ((1U << p.width) - 1)) << p.shift;
                    plane += p.bytes;
                }
                ASSERT_EQ(code, block_code(parts, expected, i))
                    << parts.name << " block " << block << ", " << i;
            }
        }
    }
}

TEST(RowCodec, KeepsTheLengthOfARowInTurboFormats) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (const std::string_view name : {"turbo4", "turbo3", "turbo2"}) {
        std::vector<float> head(80);
        for (float& value : head) value = 3 * normal(random);
        const std::vector<float> decoded = round_trip(format(name), head);
        double length = 0, kept = 0;
        for (std::size_t i = 0; i < head.size(); i++) {
            length += double{head[i]} * head[i];
            kept += double{decoded[i]} * decoded[i];
        }
        EXPECT_NEAR(std::sqrt(kept / length), 1, 0x1p-11 + 1e-6) << name;  // the scale is an f16
    }
}

TEST(RowCodec, KeepsZerosConstantsAndExtremesInEveryFormat) {
    for (const CacheFormat& f : cache_formats()) {
        EXPECT_EQ(round_trip(f, std::vector<float>(64, 0.0F)), std::vector<float>(64, 0.0F)) << f.name;
        if (f.spherical()) continue;  // a constant row is no random direction
        const std::vector<float> constant(64, -1.75F);
        for (const float value : round_trip(f, constant)) EXPECT_NEAR(value, -1.75F, 0.01F) << f.name;
        std::vector<float> huge(64, 1.0F);
        huge[3] = 3e38F;
        huge[4] = -3e38F;
        for (const float value : round_trip(f, huge)) {
            EXPECT_FALSE(std::isnan(value)) << f.name;
        }
    }
}

TEST(RowCodec, DecodesToAsManyValuesAsTheHeadHas) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (const CacheFormat& f : cache_formats())
        for (const std::uint32_t dim : {8U, 40U, 72U, 96U, 112U, 320U, 576U}) {
            if (!f.check(dim)) continue;
            std::vector<float> head(dim);
            for (float& value : head) value = normal(random);
            const std::vector<float> decoded = round_trip(f, head);
            double error = 0, power = 0;
            for (std::size_t i = 0; i < dim; i++) {
                const double off = head[i] - decoded[i];
                error += off * off;
                power += double{head[i]} * head[i];
            }
            EXPECT_LT(error, (f.bits == 2 ? 0.3 : f.bits == 3 ? 0.12 : 0.03) * power) << f.name << ' ' << dim;
        }
}

TEST(RowCodec, SurvivesValuesThatAreNotNumbers) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (const CacheFormat& f : cache_formats())
        for (const float bad : {std::nanf(""), kInfinity, -kInfinity}) {
            std::vector<float> head(64, 0.5F);
            head[17] = bad;
            EXPECT_EQ(round_trip(f, head).size(), 64U);
        }
}

}  // namespace
}  // namespace tuff::test
