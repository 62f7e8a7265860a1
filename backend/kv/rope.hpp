// Rotary position embedding (Su et al., arXiv 2104.09864), exact at any position: angles are 64-bit fractions
// of a turn, so position * frequency never rounds.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace tuff {

// Which values make a pair: neighbours (2 j, 2 j + 1), or (j, j + dims / 2) as GPT-NeoX has them. The numbers
// are those the kernels use.
enum class RopeStyle : std::uint32_t { none = 0, neighbours = 1, halves = 2 };

struct RopeOptions {
    RopeStyle style = RopeStyle::halves;
    std::uint32_t dims = 0;  // values of a head that turn, from its start on; even
    double base = 10000;
    double scale = 1;                     // of positions: 0.25 stretches a context of 2048 to 8192
    float magnitude = 1;                  // of the turned values (YaRN's attention factor)
    std::span<const float> factors = {};  // of each pair, dividing its frequency (rope_freqs.weight)
};

struct Rope {
    RopeStyle style = RopeStyle::none;
    std::uint32_t dims = 0;
    float magnitude = 1;
    std::vector<std::uint64_t> turns;  // of each pair for one position, in units of 2^-64

    // Pair j turns by scale * base^(-2 j / dims) / factors[j] radians a position. `usage`: dims odd or 0, a
    // base or scale that is not positive and finite, factors of another number than pairs.
    static Result<Rope> make(const RopeOptions& options);

    // Turns a head of at least `dims` values; a negative position turns back. Operation for operation what
    // the kernels do.
    void apply(std::int32_t position, std::span<float> head) const;
};

}  // namespace tuff
