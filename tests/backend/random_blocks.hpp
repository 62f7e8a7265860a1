// Random GGUF blocks of any format, and random activations: what the tests of layouts and products run on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "backend/format.hpp"

namespace tuff::test {

using Random = std::mt19937_64;

// `elements` elements of arbitrary bit patterns whose values are finite and at most `largest`: blocks are
// redrawn until they are.
inline std::vector<std::byte> random_blocks(const Format& format, std::uint64_t elements, Random& random,
                                            float largest = 1e4f) {
    const TypeInfo& type = format.type();
    std::vector<std::byte> blocks(elements / type.block_elements * type.block_bytes);
    std::vector<float> values(type.block_elements);
    for (std::size_t at = 0; at < blocks.size(); at += type.block_bytes) {
        bool good = false;
        while (!good) {
            for (std::uint32_t i = 0; i < type.block_bytes; i++) blocks[at + i] = std::byte(random() >> 56);
            format.decode(blocks.data() + at, type.block_elements, values.data());
            good = std::ranges::all_of(values, [&](float v) { return std::fabs(v) <= largest; });
        }
    }
    return blocks;
}

inline std::vector<float> random_floats(std::uint64_t count, Random& random) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
}

}  // namespace tuff::test
