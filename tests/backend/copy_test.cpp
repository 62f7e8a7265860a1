// Quantizing and converting on the device, against the CPU's encoders to the bit.
#include "backend/copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/half.hpp"
#include "backend/quantize/encoder.hpp"
#include "tests/backend/golden_file.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/backend/shared_device.hpp"

namespace tuff::test {
namespace {

constexpr std::byte kUntouched{0xa5};

// Rows that provoke mistakes: blocks of ordinary numbers, of zeros of both signs, of one value, ties between
// two codes, magnitudes from tiny to beyond binary16, equal peaks of both signs.
std::vector<float> hostile_rows(std::uint64_t count, Random& random) {
    std::vector<float> x = random_floats(count, random);
    for (std::uint64_t block = 0; block < count / 32; block++) {
        float* at = x.data() + block * 32;
        const float scale = std::exp2(static_cast<float>(static_cast<int>(random() % 60) - 40));
        switch (block % 8) {
            case 0:
                for (int i = 0; i < 32; i++) at[i] = i % 3 ? 0.0f : -0.0f;
                break;
            case 1:
                for (int i = 0; i < 32; i++) at[i] = 3.25f;
                break;
            case 2:  // halves of codes
                for (int i = 0; i < 32; i++) at[i] = static_cast<float>(i) - 15.5f;
                at[7] = 127;
                break;
            case 3:  // a peak of each sign
                at[9] = 8;
                at[4] = -8;
                break;
            case 4:  // scales beyond binary16
                for (int i = 0; i < 32; i++) at[i] *= 1e7f;
                break;
            default:
                for (int i = 0; i < 32; i++) at[i] *= scale;
        }
    }
    return x;
}

std::vector<std::byte> encoded(const TypeInfo& type, const std::vector<float>& x, std::uint64_t rows) {
    const std::uint64_t elements = x.size() / rows, bytes = *row_bytes(type, elements);
    std::vector<std::byte> blocks(rows * bytes);
    for (std::uint64_t r = 0; r < rows; r++)
        find_encoder(type.id)->encode(x.data() + r * elements, elements, nullptr, blocks.data() + r * bytes);
    return blocks;
}

// Dense rows spread `stride` bytes apart after `offset` bytes, kUntouched between.
std::vector<std::byte> spread(const std::vector<std::byte>& dense, std::uint64_t rows, std::uint64_t stride,
                              std::uint64_t offset) {
    const std::uint64_t row = dense.size() / rows;
    std::vector<std::byte> out(offset + (rows - 1) * stride + row + 7, kUntouched);
    for (std::uint64_t r = 0; r < rows; r++)
        std::copy_n(dense.begin() + static_cast<std::ptrdiff_t>(r * row), row,
                    out.begin() + static_cast<std::ptrdiff_t>(offset + r * stride));
    return out;
}

struct Place {
    std::uint64_t gap = 0, offset = 0;  // bytes between rows and before the first
};

// Both given and wanted are dense rows; the run has them apart, and everything between them must stay.
void expect_copy(std::string_view from, std::string_view to, const std::vector<std::byte>& given,
                 const std::vector<std::byte>& wanted, std::uint64_t rows, std::uint64_t elements,
                 Place source = {}, Place target = {}) {
    SCOPED_TRACE(testing::Message() << from << " to " << to << " " << rows << " x " << elements << " from "
                                    << source.offset << "+" << source.gap << " to " << target.offset << "+"
                                    << target.gap);
    host::Device& device = shared_device();
    const std::uint64_t from_stride = given.size() / rows + source.gap,
                        to_stride = wanted.size() / rows + target.gap;
    const Result<CopyPlan> plan = plan_copy(device.snapshot(), *find_type(from), *find_type(to),
                                            {rows, elements, from_stride, to_stride});
    ASSERT_TRUE(plan) << plan.error().message;
    const host::Buffer x = make_buffer(device, spread(given, rows, from_stride, source.offset), "x");
    const std::vector<std::byte> expected = spread(wanted, rows, to_stride, target.offset);
    const host::Buffer y = make_buffer(device, std::vector<std::byte>(expected.size(), kUntouched), "y");
    host::Stream stream(device);
    const Result<void> recorded =
        record_copy(stream, device, *plan, {&x, source.offset}, {&y, target.offset});
    ASSERT_TRUE(recorded) << recorded.error().message;
    ASSERT_TRUE(stream.finish());
    for (int replay = 0; replay < 2; replay++) {
        const Result<void> done = stream.run();
        ASSERT_TRUE(done) << done.error().message;
    }
    const std::vector<std::byte> got = read_values<std::byte>(device, y);
    for (std::size_t i = 0; i < got.size(); i++)
        ASSERT_EQ(got[i], expected[i]) << "byte " << i << ", row " << (i - target.offset) / to_stride
                                       << " byte " << (i - target.offset) % to_stride;
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return {bytes.begin(), bytes.end()};
}

// iq4_nl's search multiplies five elements. In tiny blocks that vanishes, but where a device flushes
// subnormals it does so earlier. Their scale is zero anyway: QuantizeTinyBlocks.
bool searches(const TypeInfo& type) {
    return type.name == "iq4_nl";
}
// Makes them blocks of zeros; says which they were.
std::vector<std::size_t> clear_tiny_blocks(std::span<float> x) {
    std::vector<std::size_t> cleared;
    for (std::size_t i = 0; i + 32 <= x.size(); i += 32) {
        const auto block = x.subspan(i, 32);
        if (std::ranges::any_of(block, [](float v) { return std::fabs(v) >= 0x1p-18f; })) continue;
        std::ranges::fill(block, 0.0f);
        cleared.push_back(i / 32);
    }
    return cleared;
}

class Quantize : public testing::TestWithParam<const TypeInfo*> {
  protected:
    void SetUp() override { ASSERT_NE(find_encoder(GetParam()->id), nullptr); }
    Random random_{5};
};
std::vector<const TypeInfo*> targets() {
    std::vector<const TypeInfo*> all(quantize_targets().begin(), quantize_targets().end());
    all.push_back(find_type("f16"));
    all.push_back(find_type("bf16"));
    return all;
}
INSTANTIATE_TEST_SUITE_P(Targets, Quantize, testing::ValuesIn(targets()),
                         [](const auto& parameters) { return std::string(parameters.param->name); });

TEST_P(Quantize, GivesTheReferencesBytes) {
    const TypeInfo& type = *GetParam();
    std::vector<float> x = hostile_rows(std::uint64_t{7} * 512, random_);
    if (searches(type)) clear_tiny_blocks(x);
    expect_copy("f32", type.name, bytes_of(x), encoded(type, x, 7), 7, 512);
}

TEST(QuantizeTinyBlocks, AreZerosWhateverTheirCodes) {
    std::vector<float> x(512);
    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = std::ldexp(i % 3 == 0 ? -1.0f : 1.0f, -19 - static_cast<int>(i / 4));  // to below the smallest
    const CopyPlan plan =
        *plan_copy(shared_device().snapshot(), *find_type("f32"), *find_type("iq4_nl"), {1, 512});
    const host::Buffer from = make_buffer(shared_device(), bytes_of(x), "x");
    const host::Buffer to = make_buffer(shared_device(), std::vector<std::byte>(512 / 32 * 18), "y");
    host::Stream stream(shared_device());
    ASSERT_TRUE(record_copy(stream, shared_device(), plan, {&from}, {&to}));
    ASSERT_TRUE(stream.finish());
    ASSERT_TRUE(stream.run());
    std::vector<float> values(512, 1);
    find_format("iq4_nl")->decode(read_values<std::byte>(shared_device(), to).data(), 512, values.data());
    for (const float value : values) ASSERT_EQ(value, 0);
}

// Does not need an encoder.
class QuantizeGolden : public testing::TestWithParam<const TypeInfo*> {};
INSTANTIATE_TEST_SUITE_P(Targets, QuantizeGolden, testing::ValuesIn(targets()),
                         [](const auto& parameters) { return std::string(parameters.param->name); });

TEST_P(QuantizeGolden, GivesTheGoldenBytes) {
    const TypeInfo& type = *GetParam();
    std::vector<std::byte> input = golden_file("input.f32.bin"),
                           golden = golden_file(std::string(type.name) + ".q.bin");
    ASSERT_FALSE(golden.empty());
    const std::uint64_t elements = input.size() / sizeof(float), rows = 8;
    if (searches(type)) {
        std::vector<float> x(elements);
        std::memcpy(x.data(), input.data(), input.size());
        const std::vector<std::byte> zeros = encoded(type, std::vector<float>(32), 1);
        for (const std::size_t block : clear_tiny_blocks(x))
            std::ranges::copy(zeros, golden.begin() + static_cast<std::ptrdiff_t>(block * zeros.size()));
        input = bytes_of(x);
    }
    expect_copy("f32", type.name, input, golden, rows, elements / rows);
}

TEST_P(Quantize, WritesRowsAtAnyEvenAddressAndNothingElse) {
    const TypeInfo& type = *GetParam();
    const std::uint64_t k = type.block_elements == 1 ? 45 : 96;
    const std::vector<float> x = random_floats(5 * k, random_);
    for (const Place target : {Place{2, 2}, Place{0, 2}, Place{4, 0}, Place{6, 4}})
        expect_copy("f32", type.name, bytes_of(x), encoded(type, x, 5), 5, k, {8, 4}, target);
}

TEST(QuantizeSources, AreHalvesToo) {
    Random random(6);
    std::vector<float> x = random_floats(320, random);
    std::vector<std::uint16_t> halves(x.size()), bfloats(x.size());
    std::vector<float> of_halves(x.size()), of_bfloats(x.size());
    for (std::size_t i = 0; i < x.size(); i++) {
        halves[i] = float_to_half(i % 40 == 3 ? x[i] * 1e-7f : x[i]);  // some subnormal
        of_halves[i] = half_to_float(halves[i]);
        bfloats[i] = float_to_bfloat16(x[i]);
        of_bfloats[i] = bfloat16_to_float(bfloats[i]);
    }
    const TypeInfo& type = *find_type("q5_1");
    expect_copy("f16", "q5_1", bytes_of(halves), encoded(type, of_halves, 5), 5, 64, {2, 6}, {2, 2});
    expect_copy("bf16", "q5_1", bytes_of(bfloats), encoded(type, of_bfloats, 5), 5, 64, {4, 2});
    expect_copy("bf16", "f16", bytes_of(bfloats), encoded(*find_type("f16"), of_bfloats, 8), 8, 40, {2, 2},
                {2, 4});
    expect_copy("f16", "f32", bytes_of(halves), bytes_of(of_halves), 8, 40, {2, 2}, {4, 4});
}

TEST(Halves, RoundAsIeeeSaysForEveryKindOfNumber) {
    std::vector<float> x;
    for (std::uint32_t bits = 0; bits < 0xffff0000u; bits += 0x0003fffbu) {
        const float value = std::bit_cast<float>(bits);
        if (!std::isnan(value)) x.push_back(value);
    }
    for (const float value :
         {65504.0f, 65519.996f, 65520.0f, 0x1p-24f, 0x1p-25f, 0x1.000002p-25f, 0x1.8p-24f, 0x1.ffcp-15f,
          std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
        x.push_back(value);
    for (const char* type : {"f16", "bf16"})
        expect_copy("f32", type, bytes_of(x), encoded(*find_type(type), x, 1), 1, x.size());
}

TEST(Copy, DequantizesRowsOfBlocksAtAnyByte) {
    Random random(8);
    for (const char* name : {"q6_k", "q8_0"}) {
        const Format& format = *find_format(name);
        const std::vector<std::byte> blocks = random_blocks(format, 5 * 256, random);
        std::vector<float> values(5 * 256);
        format.decode(blocks.data(), values.size(), values.data());
        for (float& value : values) value += 0.0f;  // no minus zeros
        std::vector<std::byte> halves = encoded(*find_type("f16"), values, 5);
        host::Device& device = shared_device();
        for (const Place source : {Place{0, 0}, Place{3, 1}, Place{1, 3}}) {
            const std::uint64_t stride = blocks.size() / 5 + source.gap;
            const Result<CopyPlan> plan =
                plan_copy(device.snapshot(), format.type(), *find_type("f16"), {5, 256, stride, 0});
            ASSERT_TRUE(plan) << plan.error().message;
            const host::Buffer x = make_buffer(device, spread(blocks, 5, stride, source.offset), "x");
            const host::Buffer y = make_buffer(device, std::vector<std::byte>(halves.size()), "y");
            host::Stream stream(device);
            ASSERT_TRUE(record_copy(stream, device, *plan, {&x, source.offset}, {&y}));
            ASSERT_TRUE(stream.finish());
            ASSERT_TRUE(stream.run());
            const auto got = read_values<std::uint16_t>(device, y);
            for (std::size_t i = 0; i < got.size(); i++)
                ASSERT_EQ(half_to_float(got[i]), half_to_float(load<std::uint16_t>(halves.data() + i * 2)))
                    << name << " element " << i;
        }
    }
}

TEST(CopyErrors, NameTheTypesAndTheLimit) {
    const host::DeviceSnapshot& device = shared_device().snapshot();
    const auto refusal = [&](const char* from, const char* to, const CopyShape& shape) {
        const auto plan = plan_copy(device, *find_type(from), *find_type(to), shape);
        return plan ? std::string() : plan.error().message;
    };
    EXPECT_NE(refusal("q4_0", "q8_0", {1, 32}).find("q4_0 to q8_0"), std::string::npos);
    EXPECT_NE(refusal("f32", "q6_k", {1, 256}).find("f32 to q6_k"), std::string::npos);
    EXPECT_NE(refusal("f32", "q8_0", {1, 33}).find("33 elements"), std::string::npos);
    EXPECT_NE(refusal("f32", "q8_0", {2, 32, 0, 33}).find("33 bytes apart"), std::string::npos);
    EXPECT_NE(refusal("f32", "q8_0", {2, 32, 126}).find("126 bytes apart"), std::string::npos);
    EXPECT_NE(refusal("f32", "q8_0", {0, 32}).find("nothing to convert"), std::string::npos);
    EXPECT_NE(refusal("f32", "q8_0", {std::uint64_t{1} << 57, 32}).find("limit of 2147483648"),
              std::string::npos);
}

}  // namespace
}  // namespace tuff::test
