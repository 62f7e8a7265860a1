#include "backend/quantize/encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>

#include <nlohmann/json.hpp>

#include "backend/format.hpp"
#include "backend/half.hpp"
#include "tests/backend/golden_file.hpp"

namespace tuff::test {
namespace {

constexpr std::uint64_t kRow = 1024, kRows = 16;  // the shape of the golden input

std::vector<float> golden_input() {
    const std::vector<std::byte> bytes = golden_file("input.f32.bin");
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::vector<std::byte> encode(const Encoder& encoder, const std::vector<float>& values, std::uint64_t row,
                              const float* importance = nullptr) {
    const std::uint64_t bytes = row / encoder.type().block_elements * encoder.type().block_bytes;
    std::vector<std::byte> blocks(values.size() / row * bytes);
    for (std::uint64_t i = 0; i < values.size() / row; i++)
        encoder.encode(values.data() + i * row, row, importance, blocks.data() + i * bytes);
    return blocks;
}

// Those whose rule leaves no choice.
constexpr std::string_view kExact[] = {"f16",   "bf16",  "q4_0",  "q4_1",  "q5_0", "q5_1", "q8_0",  "q8_1",
                                       "mxfp4", "nvfp4", "tq1_0", "tq2_0", "q1_0", "q2_0", "iq4_nl"};

// Per row of the golden input.
std::vector<double> rmse_of_rows(const Encoder& encoder, const std::vector<float>& input,
                                 const float* importance) {
    const Format* format = find_format(encoder.type_id);
    if (format == nullptr) return {};
    const std::vector<std::byte> blocks = encode(encoder, input, kRow, importance);
    std::vector<float> values(input.size());
    format->decode(blocks.data(), values.size(), values.data());
    std::vector<double> rows(kRows);
    for (std::uint64_t row = 0; row < kRows; row++) {
        double sum = 0;
        for (std::uint64_t i = row * kRow; i < (row + 1) * kRow; i++)
            sum += (double{values[i]} - input[i]) * (double{values[i]} - input[i]);
        rows[row] = std::sqrt(sum / kRow);
    }
    return rows;
}

class EveryEncoder : public testing::TestWithParam<const Encoder*> {
  protected:
    const Encoder& encoder() const { return *GetParam(); }
};

std::string name_of(const testing::TestParamInfo<const Encoder*>& info) {
    return std::string(info.param->type().name);
}
INSTANTIATE_TEST_SUITE_P(Encoder, EveryEncoder, testing::ValuesIn(encoders().begin(), encoders().end()),
                         name_of);

TEST_P(EveryEncoder, IsFoundByItsNameAndItsType) {
    EXPECT_EQ(find_encoder(encoder().type().name), &encoder());
    EXPECT_EQ(find_encoder(encoder().type_id), &encoder());
}

// Values that go wrong where nobody thought of them, each a row of 256.
std::vector<std::vector<float>> hostile_rows() {
    constexpr float kMax = std::numeric_limits<float>::max(),
                    kTiny = std::numeric_limits<float>::denorm_min();
    std::vector<std::vector<float>> rows;
    for (const float value : {0.0f, -0.0f, kTiny, 0x1p-126f, 0x1p-25f, 1e-15f, 3e-8f, 1.0f, -1.0f, 65504.0f,
                              65520.0f, 1e9f, -1e20f, kMax, -kMax}) {
        rows.emplace_back(256, value);
        rows.emplace_back(256, 0.0f)[77] = value;
        std::vector<float>& alternating = rows.emplace_back(256, value);
        for (std::size_t i = 0; i < 256; i += 2) alternating[i] = -value;
        std::vector<float>& rising = rows.emplace_back(256);
        for (std::size_t i = 0; i < 256; i++) rising[i] = value * (static_cast<float>(i) / 256);
    }
    std::mt19937_64 random(1);
    for (int row = 0; row < 50; row++) {  // any bits, as long as they are finite
        std::vector<float>& wild = rows.emplace_back(256);
        for (float& value : wild) {
            do {
                value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
            } while (!std::isfinite(value));
        }
    }
    return rows;
}

TEST_P(EveryEncoder, MakesFiniteBlocksOfAnyFiniteRowAndImportance) {
    const Format* format = find_format(encoder().type_id);
    if (format == nullptr) return;  // activations, which are never decoded
    std::vector<std::vector<float>> importances = {{},
                                                   std::vector<float>(256, 0.0f),
                                                   std::vector<float>(256, 1e-30f),
                                                   std::vector<float>(256, 1e30f),
                                                   std::vector<float>(256, 0.0f)};
    importances.back()[200] = 1;
    for (std::size_t i = 0; i < 256; i++) importances[3][i] *= i % 7 == 0 ? 1e-38f : 1e8f;
    const std::vector<std::vector<float>> rows = hostile_rows();
    for (std::size_t r = 0; r < rows.size(); r++) {
        for (const std::vector<float>& importance : importances) {
            const std::vector<std::byte> blocks =
                encode(encoder(), rows[r], 256, importance.empty() ? nullptr : importance.data());
            std::vector<float> values(256);
            format->decode(blocks.data(), 256, values.data());
            for (std::size_t i = 0; i < 256; i++) {
                if (std::fabs(rows[r][i]) > encoder().largest && format->type().block_elements == 1) continue;
                ASSERT_TRUE(std::isfinite(values[i]))
                    << "row " << r << " element " << i << ": " << rows[r][i];
            }
        }
    }
}

TEST_P(EveryEncoder, SaysWhatTheLargestMagnitudeIs) {
    const Format* format = find_format(encoder().type_id);
    if (format == nullptr || encoder().type().block_elements == 1) return;  // never decoded; becomes infinite
    std::vector<float> row(256, std::min(2 * encoder().largest, std::numeric_limits<float>::max())),
        values(256);
    for (std::size_t i = 0; i < 256; i += 2) row[i] = -row[i];
    format->decode(encode(encoder(), row, 256).data(), 256, values.data());
    float most = 0;
    for (const float value : values) most = std::max(most, std::fabs(value));
    EXPECT_LE(most, encoder().largest);
    EXPECT_GE(most, 0.5f * encoder().largest);
}

TEST_P(EveryEncoder, WritesEveryByteAndNoMore) {
    std::mt19937_64 random(2);
    std::normal_distribution<float> normal;
    std::vector<float> row(512);
    for (float& value : row) value = normal(random);
    const std::uint64_t bytes = row.size() / encoder().type().block_elements * encoder().type().block_bytes;
    std::vector<std::byte> zeros(bytes + 64, std::byte{0}), ones(bytes + 64, std::byte{0xff});
    encoder().encode(row.data(), row.size(), nullptr, zeros.data());
    encoder().encode(row.data(), row.size(), nullptr, ones.data());
    for (std::uint64_t i = 0; i < bytes; i++) ASSERT_EQ(zeros[i], ones[i]) << i;
    for (std::uint64_t i = bytes; i < bytes + 64; i++) ASSERT_NE(zeros[i], ones[i]) << i;
}

// Multiplying by a power of two only changes scales, so long as they keep their bits.
TEST_P(EveryEncoder, ScalesWithItsInput) {
    const TypeInfo& type = encoder().type();
    if (type.name == "nvfp4" || type.block_elements == 1) return;  // scales of eight bits; no scales
    std::mt19937_64 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> row(256), doubled(256);
    for (std::size_t i = 0; i < 256; i++) {
        row[i] = normal(random);
        doubled[i] = row[i] * 8;
    }
    const Format* format = find_format(encoder().type_id);
    if (format == nullptr) return;
    const std::vector<std::byte> a = encode(encoder(), row, 256), b = encode(encoder(), doubled, 256);
    std::vector<float> of_a(256), of_b(256);
    format->decode(a.data(), 256, of_a.data());
    format->decode(b.data(), 256, of_b.data());
    double error = 0, sum = 0;
    for (std::size_t i = 0; i < 256; i++) {
        error += std::pow(double{of_b[i]} / 8 - of_a[i], 2);
        sum += std::pow(of_a[i], 2);
    }
    EXPECT_LE(error, 1e-4 * sum);
}

TEST(Encoder, ErrorsAreNoLargerThanTheReferences) {
    const std::vector<float> input = golden_input();
    const nlohmann::json figures = nlohmann::json::parse(std::ifstream(TUFF_TEST_DATA "/golden/rmse.json"));
    const std::vector<float> uniform(kRow, 1.0f);
    std::size_t compared = 0;
    for (const Encoder* encoder : encoders()) {
        const std::string name(encoder->type().name);
        if (!figures.contains(name)) continue;
        for (const bool weighted : {false, true}) {
            const char* key = weighted ? "uniform_importance_rows" : "rows";
            if (!figures[name].contains(key)) continue;
            const std::vector<double> rows =
                rmse_of_rows(*encoder, input, weighted ? uniform.data() : nullptr);
            for (std::uint64_t row = 0; row < rows.size(); row++) {
                // The figures have nine digits.
                EXPECT_LE(rows[row], figures[name][key][row].get<double>() * (1 + 1e-8))
                    << name << ' ' << key << ' ' << row;
                compared++;
            }
        }
    }
    EXPECT_GE(compared, 20 * kRows);
}

// What importance is for: errors move to where they cost less.
TEST_P(EveryEncoder, ImportanceLowersTheErrorItWeighs) {
    if (encoder().importance == Importance::ignored) return;
    const Format* format = find_format(encoder().type_id);
    ASSERT_NE(format, nullptr);
    std::mt19937_64 random(4);
    std::normal_distribution<float> normal;
    std::vector<float> row(4096), weights(4096);
    for (std::size_t i = 0; i < row.size(); i++) {
        row[i] = normal(random);
        weights[i] = std::exp(2 * normal(random));
    }
    double errors[2] = {};
    for (const bool weighted : {false, true}) {
        const std::vector<std::byte> blocks =
            encode(encoder(), row, row.size(), weighted ? weights.data() : nullptr);
        std::vector<float> values(row.size());
        format->decode(blocks.data(), values.size(), values.data());
        for (std::size_t i = 0; i < row.size(); i++)
            errors[weighted] += weights[i] * std::pow(double{values[i]} - row[i], 2);
    }
    EXPECT_LT(errors[true], 0.97 * errors[false]);
}

TEST(Encoder, ExactRulesGiveTheGoldenBlocks) {
    const std::vector<float> input = golden_input();
    ASSERT_EQ(input.size(), kRow * kRows);
    for (const std::string_view name : kExact) {
        const std::vector<std::byte> golden = golden_file(std::string(name) + ".q.bin");
        const std::vector<std::byte> blocks = encode(*find_encoder(name), input, kRow);
        ASSERT_EQ(blocks.size(), golden.size()) << name;
        for (std::size_t i = 0; i < blocks.size(); i++)
            ASSERT_EQ(blocks[i], golden[i])
                << name << " block " << i / find_type(name)->block_bytes << " byte " << i;
    }
}

// The reference leaves the sums of all-zero blocks unwritten.
// Whichever zero comes first is both the least and the most.
TEST(Encoder, ABlockOfZerosOfBothSignsHasAPositiveScaleAndTheFirstZeroAsItsOffset) {
    for (const char* name : {"q4_1", "q5_1"})
        for (const float first : {0.0F, -0.0F}) {
            std::vector<float> x(32, -first);
            x[0] = first;
            std::vector<std::byte> block(find_type(name)->block_bytes);
            find_encoder(name)->encode(x.data(), x.size(), nullptr, block.data());
            EXPECT_EQ(load<std::uint16_t>(block.data()), 0) << name;
            EXPECT_EQ(load<std::uint16_t>(block.data() + 2), std::signbit(first) ? 0x8000 : 0) << name;
        }
}

TEST(Encoder, Q8KGivesTheGoldenBlocksWithSumsOfItsCodes) {
    const std::vector<float> input = golden_input();
    const std::vector<std::byte> golden = golden_file("q8_k.q.bin"),
                                 blocks = encode(*find_encoder("q8_k"), input, kRow);
    ASSERT_EQ(blocks.size(), golden.size());
    constexpr std::size_t kBytes = 292, kBeforeSums = 260;
    for (std::size_t at = 0; at < blocks.size(); at += kBytes) {
        const bool zeros = load<float>(&blocks[at]) == 0;
        for (std::size_t i = 0; i < (zeros ? kBeforeSums : kBytes); i++)
            ASSERT_EQ(blocks[at + i], golden[at + i]) << at / kBytes << ' ' << i;
        for (std::size_t i = kBeforeSums; zeros && i < kBytes; i++) ASSERT_EQ(blocks[at + i], std::byte{0});
    }
}

}  // namespace
}  // namespace tuff::test
