#include "backend/quantize/encoder.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "backend/format.hpp"
#include "bench/random.hpp"
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
constexpr std::array<std::string_view, 7> kExact = {"f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"};

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

}  // namespace
}  // namespace tuff::test
