// The encoders of the IQ formats with super-blocks: how near they come to their input.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "backend/format.hpp"
#include "backend/half.hpp"
#include "backend/quantize/encoder.hpp"
#include "bench/random.hpp"
#include "tests/backend/golden_file.hpp"

namespace tuff::test {
namespace {

constexpr std::uint64_t kRow = 1024, kGoldenRows = 16;

std::vector<std::byte> encode(const Encoder& encoder, const std::vector<float>& row,
                              const float* importance = nullptr) {
    const TypeInfo& type = encoder.type();
    std::vector<std::byte> blocks(row.size() / type.block_elements * type.block_bytes, std::byte{0xa5});
    encoder.encode(row.data(), row.size(), importance, blocks.data());
    return blocks;
}

std::vector<float> decode(const Encoder& encoder, const std::vector<std::byte>& blocks) {
    const TypeInfo& type = encoder.type();
    std::vector<float> values(blocks.size() / type.block_bytes * type.block_elements);
    find_format(encoder.type_id)->decode(blocks.data(), values.size(), values.data());
    return values;
}

std::vector<float> round_trip(const Encoder& encoder, const std::vector<float>& row,
                              const float* importance = nullptr) {
    return decode(encoder, encode(encoder, row, importance));
}

// sum w (x - y)^2; w: nullptr for 1.
double squared_error(const std::vector<float>& x, const std::vector<float>& y, const float* w = nullptr) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); i++) {
        const double off = double{x[i]} - y[i];
        sum += (w == nullptr ? 1.0 : double{w[i]}) * off * off;
    }
    return sum;
}

std::vector<float> golden_row(std::uint64_t row) {
    const std::vector<std::byte> bytes = golden_file("input.f32.bin");
    std::vector<float> values(kRow);
    std::memcpy(values.data(), bytes.data() + row * kRow * sizeof(float), kRow * sizeof(float));
    return values;
}

// By type and importance ("none", "uniform").
std::map<std::pair<std::string, std::string>, std::vector<double>> golden_errors() {
    std::map<std::pair<std::string, std::string>, std::vector<double>> errors;
    const nlohmann::json figures = nlohmann::json::parse(std::ifstream(TUFF_TEST_DATA "/golden/rmse.json"));
    for (const auto& [type, kinds] : figures.items())
        for (const auto& [importance, key] :
             {std::pair("none", "rows"), std::pair("uniform", "uniform_importance_rows")})
            if (kinds.contains(key)) errors[{type, importance}] = kinds[key].get<std::vector<double>>();
    return errors;
}

float gaussian(bench::Random& random) {
    float sum = 0;
    for (int i = 0; i < 12; i++) sum += random.uniform(-0.5f, 0.5f);
    return sum;
}

class IqEncoder : public testing::TestWithParam<const char*> {
  protected:
    const Encoder& encoder() const { return *find_encoder(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Type, IqEncoder,
                         testing::Values("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s",
                                         "iq4_xs"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(IqEncoder, IsNoWorseThanTheGoldenQuantizerOnAnyRow) {
    const auto errors = golden_errors();
    const std::vector<float> ones(kRow, 1.0f);
    int compared = 0;
    for (const std::string importance : {"none", "uniform"}) {
        const auto found = errors.find({GetParam(), importance});
        if (found == errors.end()) continue;  // the golden quantizer refuses to work without importance
        ASSERT_EQ(found->second.size(), kGoldenRows);
        for (std::uint64_t r = 0; r < kGoldenRows; r++) {
            const std::vector<float> row = golden_row(r);
            const auto values = round_trip(encoder(), row, importance == "none" ? nullptr : ones.data());
            const double error = std::sqrt(squared_error(row, values) / static_cast<double>(kRow));
            // The figures have nine digits.
            EXPECT_LE(error, found->second[r] * (1 + 1e-8)) << "row " << r << ", importance " << importance;
            compared++;
        }
    }
    EXPECT_GE(compared, 16);
}

TEST_P(IqEncoder, UniformImportanceIsTheSameAsNone) {
    const std::vector<float> row = golden_row(0);
    for (const float weight : {1.0f, 1e-20f, 3e30f}) {
        const std::vector<float> uniform(kRow, weight);
        EXPECT_EQ(encode(encoder(), row), encode(encoder(), row, uniform.data())) << weight;
    }
}

TEST_P(IqEncoder, ImportanceLowersTheWeightedError) {
    bench::Random random(4);
    std::vector<float> importance(kRow);
    for (float& w : importance) w = std::exp(2 * gaussian(random));
    for (const std::uint64_t r : {0, 2, 12}) {
        const std::vector<float> row = golden_row(r);
        const double with =
            squared_error(row, round_trip(encoder(), row, importance.data()), importance.data());
        const double without = squared_error(row, round_trip(encoder(), row), importance.data());
        EXPECT_LT(with, 0.95 * without) << "row " << r;
    }
}

TEST_P(IqEncoder, ScalesWithItsInput) {
    // A power of two changes nothing but the exponent of d, as long as that stays a normal half.
    const std::vector<float> row = golden_row(0);
    std::vector<float> larger = row;
    for (float& v : larger) v *= 64;
    const auto values = round_trip(encoder(), row), larger_values = round_trip(encoder(), larger);
    for (std::size_t i = 0; i < kRow; i++) ASSERT_EQ(values[i] * 64, larger_values[i]) << i;
}

TEST_P(IqEncoder, DecodesToFiniteValuesWhateverItIsGiven) {
    constexpr float kMax = std::numeric_limits<float>::max(),
                    kTiny = std::numeric_limits<float>::denorm_min();
    bench::Random random(5);
    const std::map<std::string, std::function<float(std::size_t)>> rows = {
        {"largest", [](std::size_t i) { return i % 3 == 0 ? -kMax : kMax; }},
        {"one largest among small", [](std::size_t i) { return i == 77 ? kMax : 1e-3f; }},
        {"denormal", [](std::size_t i) { return i % 2 == 0 ? kTiny : -1000 * kTiny; }},
        {"next to nothing", [](std::size_t i) { return static_cast<float>(i % 7) * 1e-9f; }},
        {"one value", [](std::size_t i) { return i == 300 ? -2.5f : 0.0f; }},
        {"one sub-block", [](std::size_t i) { return i / 16 == 5 ? 1.0f : 0.0f; }},
        {"negative zero", [](std::size_t) { return -0.0f; }},
        {"every exponent",
         [&](std::size_t i) { return std::ldexp(random.uniform(-2, 2), static_cast<int>(i % 250) - 125); }},
        {"any bits",
         [&](std::size_t) {
             const auto bits = static_cast<std::uint32_t>(random.next());
             const auto value = std::bit_cast<float>(bits);
             return std::isfinite(value) ? value : 0.0f;
         }},
    };
    const std::map<std::string, std::function<float(std::size_t)>> weights = {
        {"zeros", [](std::size_t) { return 0.0f; }},
        {"one", [](std::size_t i) { return i == 40 ? 1.0f : 0.0f; }},
        {"extremes", [](std::size_t i) { return i % 2 == 0 ? kMax : kTiny; }},
    };
    for (const auto& [name, value] : rows) {
        std::vector<float> row(kRow);
        for (std::size_t i = 0; i < kRow; i++) row[i] = value(i);
        const double energy = squared_error(row, std::vector<float>(kRow));
        const auto values = round_trip(encoder(), row);
        EXPECT_TRUE(std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) << name;
        EXPECT_LE(squared_error(row, values), energy) << name << " would be better as zeros";
        for (const auto& [weight_name, weight] : weights) {
            std::vector<float> importance(kRow);
            for (std::size_t i = 0; i < kRow; i++) importance[i] = weight(i);
            const auto weighted = round_trip(encoder(), row, importance.data());
            EXPECT_TRUE(std::ranges::all_of(weighted, [](float v) { return std::isfinite(v); }))
                << name << ", weights " << weight_name;
        }
    }
}

TEST_P(IqEncoder, ReachesTheLargestValueItsScaleCanHold) {
    // 1e30 is beyond every format: d must be the largest half, not infinite, and the sign right.
    std::vector<float> row(kRow, 1e30f);
    const auto values = round_trip(encoder(), row);
    EXPECT_GT(*std::ranges::min_element(values), 1e5f);
}

TEST_P(IqEncoder, ZerosStayZeros) {
    for (const float v : round_trip(encoder(), std::vector<float>(kRow))) ASSERT_EQ(v, 0.0f);
}

TEST_P(IqEncoder, KeepsSuperBlocksApart) {
    // What stands beside a super-block must not matter.
    const std::vector<float> row = golden_row(2);
    const std::vector<std::byte> together = encode(encoder(), row);
    std::vector<std::byte> apart;
    for (std::size_t i = 0; i < kRow; i += 256) {
        const auto blocks = encode(encoder(), {row.begin() + i, row.begin() + i + 256});
        apart.insert(apart.end(), blocks.begin(), blocks.end());
    }
    EXPECT_EQ(together, apart);
}

TEST_P(IqEncoder, GivesTheSameBytesFromManyThreads) {
    const std::vector<float> row = golden_row(12);
    const std::vector<std::byte> expected = encode(encoder(), row);
    std::vector<std::vector<std::byte>> found(8);
    {
        std::vector<std::jthread> threads;
        for (auto& blocks : found) threads.emplace_back([&] { blocks = encode(encoder(), row); });
    }
    for (const auto& blocks : found) EXPECT_EQ(blocks, expected);
}

TEST_P(IqEncoder, CodingItsOwnOutputAgainAddsLittleError) {
    // Values that are on a grid already have a code each that is exact but for the scale's rounding.
    bench::Random random(6);
    std::vector<float> row(kRow);
    for (float& v : row) v = gaussian(random);
    const auto once = round_trip(encoder(), row), twice = round_trip(encoder(), once);
    EXPECT_LT(squared_error(once, twice), 0.35 * squared_error(row, once));
}

}  // namespace
}  // namespace tuff::test
