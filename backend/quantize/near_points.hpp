// For every point that rounding a group of values to levels can give, the entries of a codebook next to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/formats/codebooks.hpp"

namespace tuff {

// Point p has code (p / levels^e) % levels at element e. Its entries stand in lists of eight, the nearest
// first (in squared distance; the lower index first where it is the same), transposed for eight lanes.
class NearPoints {
  public:
    static constexpr unsigned kList = 8;

    // Takes some 10 ms; made when a format is first used.
    NearPoints(const Codebook& codebook, unsigned lists);

    // Of each entry of a list, the levels of elements 4 w to 4 w + 3, in the bytes of a word from the lowest;
    // levels less the lowest negative one, so never negative. Words of list l: [l][w][8].
    [[nodiscard]] const std::uint32_t* levels(unsigned point) const {
        return levels_.data() + point * lists_ * words_ * kList;
    }
    // The indices of the entries: [l][8].
    [[nodiscard]] const std::uint16_t* entries(unsigned point) const {
        return entries_.data() + point * lists_ * kList;
    }

  private:
    std::size_t lists_, words_;
    std::vector<std::uint32_t> levels_;
    std::vector<std::uint16_t> entries_;
};

}  // namespace tuff
