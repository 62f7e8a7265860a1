// Any bits as blocks of every format: decoding is the same however the blocks are cut, layouts give every bit
// back, the reference multiplies what was decoded, and what is finite can be encoded again, as any type.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "backend/format.hpp"
#include "backend/layout.hpp"
#include "backend/quantize/encoder.hpp"
#include "backend/reference/matmul.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using tuff::fuzz::require;

using tuff::Encoder;
using tuff::Format;
using tuff::Layout;
using tuff::TypeInfo;

bool same_bits(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

// A matrix of the input's bytes, which come again where they are too few.
struct Blocks {
    const Format* format;
    std::uint64_t rows, elements;
    std::vector<std::byte> bytes;

    Blocks(const Format& of, std::uint64_t row_count, std::uint64_t most_blocks,
           std::span<const std::byte> input)
        : format(&of), rows(row_count) {
        const TypeInfo& type = of.type();
        const std::uint64_t blocks =
            std::clamp<std::uint64_t>(input.size() / (rows * type.block_bytes), 1, most_blocks);
        elements = blocks * type.block_elements;
        bytes.resize(rows * blocks * type.block_bytes);
        for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = input[i % input.size()];
    }

    [[nodiscard]] std::vector<float> decoded() const {
        std::vector<float> values(rows * elements);
        format->decode(bytes.data(), values.size(), values.data());
        return values;
    }
};

void check_decoding(const Blocks& blocks, const std::vector<float>& values) {
    const TypeInfo& type = blocks.format->type();
    std::vector<float> one(type.block_elements), magnitudes(values.size());
    for (std::size_t i = 0; i < values.size(); i += type.block_elements) {
        blocks.format->decode(blocks.bytes.data() + i / type.block_elements * type.block_bytes, one.size(),
                              one.data());
        for (std::size_t k = 0; k < one.size(); k++) require(same_bits(one[k], values[i + k]));
    }
    if (!blocks.format->magnitude) return;
    blocks.format->magnitude(blocks.bytes.data(), values.size(), magnitudes.data());
    constexpr float kRounding = 1 - 0x1p-20F;
    for (std::size_t i = 0; i < values.size(); i++)
        if (std::isfinite(values[i])) require(!(magnitudes[i] < std::fabs(values[i]) * kRounding));
}

void check_layouts(const Blocks& blocks) {
    const tuff::MatrixShape shape{blocks.rows, blocks.elements, 1};
    for (const Layout layout : {Layout::blocks, Layout::planes, Layout::lanes}) {
        std::vector<std::byte> arranged(tuff::matrix_bytes(*blocks.format, layout, shape).value()),
            again(blocks.bytes.size());
        tuff::arrange(*blocks.format, layout, shape, blocks.bytes.data(), arranged, 1);
        tuff::restore(*blocks.format, layout, shape, arranged, again.data());
        require(again == blocks.bytes);
    }
}

// The product with a unit vector is an element.
void check_reference(const Blocks& blocks, std::span<const float> first_row, std::size_t at) {
    if (!std::ranges::all_of(first_row, [](float value) { return std::isfinite(value); })) return;
    std::vector<float> unit(first_row.size());
    unit[at % unit.size()] = 1;
    const auto dot = tuff::reference::dot_row(*blocks.format, blocks.bytes.data(), unit.size(), unit.data(),
                                              unit.size(), 1);
    require(dot[0].value == first_row[at % unit.size()]);
}

void check_encoding(const Encoder& encoder, std::vector<float> row, std::span<const std::byte> input,
                    bool weighted) {
    const TypeInfo& type = encoder.type();
    row.resize(std::max<std::size_t>(row.size() / type.block_elements, 1) * type.block_elements);
    for (float& value : row)
        value = std::isfinite(value) ? std::clamp(value, -encoder.largest, encoder.largest) : 0;
    std::vector<float> importance(row.size());
    for (std::size_t i = 0; i < importance.size(); i++)
        importance[i] = std::ldexp(1.0F, std::to_integer<int>(input[i % input.size()]) - 128) *
                        static_cast<float>(i % 7 != 0);
    // One byte more than there is room for would be found.
    std::vector<std::byte> blocks(row.size() / type.block_elements * type.block_bytes), same(blocks.size());
    for (std::vector<std::byte>* to : {&blocks, &same})
        encoder.encode(row.data(), row.size(), weighted ? importance.data() : nullptr, to->data());
    require(blocks == same);
    const Format* format = tuff::find_format(type.id);
    if (!format) return;  // types of activations are not decoded
    std::vector<float> values(row.size());
    format->decode(blocks.data(), values.size(), values.data());
    for (const float value : values) require(std::isfinite(value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kHead = 4;
    if (size <= kHead) return 0;
    const auto input = std::as_bytes(std::span(data, size)).subspan(kHead);
    const auto formats = tuff::formats();
    const auto encoders = tuff::encoders();
    const Blocks blocks(*formats[data[0] % formats.size()], 1 + data[2] % 9, 6, input);
    const std::vector<float> values = blocks.decoded();
    check_decoding(blocks, values);
    check_layouts(blocks);
    check_reference(blocks, std::span(values).first(blocks.elements), data[3]);
    // Few elements: some encoders search long.
    const std::size_t few = std::min<std::size_t>(values.size(), 256);
    check_encoding(*encoders[data[1] % encoders.size()],
                   {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(few)}, input,
                   data[3] % 2 != 0);
    return 0;
}
