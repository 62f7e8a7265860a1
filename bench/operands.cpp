#include "bench/operands.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include "bench/random.hpp"

namespace tuff::bench {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A scale of either sign in [2^-8, 2^-2): far from overflow with any code and half-precision field.
float ordinary_scale(Random& random) {
    const float magnitude = random.uniform(0x1p-8f, 0x1p-2f);
    return random.next() >> 63 ? -magnitude : magnitude;
}

float scale_of(Random& random, Data data, bool special) {
    const float ordinary = ordinary_scale(random);
    if (!special) return ordinary;
    switch (data) {
        case Data::zeros:
            return 0;
        // Subnormal as halves, and as the 32-bit floats below them.
        case Data::subnormal:
            return ordinary * (random.next() >> 63 ? 0x1p-16f : 0x1p-126f);
        case Data::infinite:
            return ordinary > 0 ? kInfinity : -kInfinity;
        case Data::ordinary:
        case Data::huge:
            break;
    }
    return ordinary;
}

float activation(Random& random, Data data, std::uint64_t token, std::uint64_t tokens) {
    const float ordinary = random.uniform(-1, 1);
    switch (data) {
        case Data::ordinary:
            return ordinary;
        case Data::zeros:
            return token % 2 == 0 ? 0 : ordinary;
        case Data::subnormal:
            return random.next() >> 63 ? ordinary * 0x1p-127f : ordinary;
        case Data::huge:
            return ordinary * 1e30f;
        case Data::infinite: {
            if (token + 1 != tokens || random.below(16) != 0) return ordinary;
            return ordinary > 0.5f ? kNan : ordinary > 0 ? kInfinity : -kInfinity;
        }
    }
    return ordinary;
}

}  // namespace

std::string_view data_name(Data data) {
    switch (data) {
        case Data::ordinary:
            return "ordinary";
        case Data::zeros:
            return "zeros";
        case Data::subnormal:
            return "subnormal";
        case Data::huge:
            return "huge";
        case Data::infinite:
            return "infinite";
    }
    return "";
}

std::vector<std::byte> random_weights(const Format& format, const MatrixShape& shape, Data data,
                                      std::uint64_t seed) {
    const TypeInfo& type = format.type();
    const std::uint64_t row_blocks = shape.elements / type.block_elements, rows = shape.rows * shape.batches;
    std::vector<std::byte> blocks(rows * row_blocks * type.block_bytes);
    Random random(seed);
    // Past a few MiB the same rows come again: a product is no easier for it, and large matrices are made in
    // no time.
    constexpr std::uint64_t kDistinctBytes = std::uint64_t{8} << 20;
    const std::uint64_t row_bytes = row_blocks * type.block_bytes;
    const std::uint64_t distinct = std::min(rows, kDistinctBytes / row_bytes + 17);
    random.fill(std::span(blocks).first(distinct * row_bytes));
    std::byte* block = blocks.data();
    for (std::uint64_t row = 0; row < distinct; row++) {
        // Infinities poison whole rows, so some rows stay free of them; other special scales are strewn
        // about.
        const bool special_row = data != Data::infinite || row % 3 == 1;
        for (std::uint64_t b = 0; b < row_blocks; b++, block += type.block_bytes) {
            const bool special = special_row && random.below(4) == 0;
            const float scale = scale_of(random, data, special);
            format.set_scales(block, scale, scale_of(random, data, special));
        }
    }
    for (std::uint64_t row = distinct; row < rows; row += distinct)
        std::copy_n(blocks.data(), std::min(distinct, rows - row) * row_bytes,
                    blocks.data() + row * row_bytes);
    return blocks;
}

std::vector<float> random_activations(const MatmulShape& shape, Data data, std::uint64_t seed) {
    const MatmulShape s = shape.dense();
    std::vector<float> x(s.x_floats(), kNan);
    Random random(seed);
    for (std::uint64_t b = 0; b < s.batches; b++)
        for (std::uint64_t t = 0; t < s.n; t++)
            for (std::uint64_t i = 0; i < s.k; i++)
                x[b * s.x_batch + t * s.x_stride + i] = activation(random, data, t, s.n);
    return x;
}

}  // namespace tuff::bench
