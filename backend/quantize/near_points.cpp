#include "backend/quantize/near_points.hpp"

#include <algorithm>
#include <array>

namespace tuff {
namespace {

// Squared distances between halves of groups: half a point has levels^(elements / 2) values.
class HalfDistances {
  public:
    HalfDistances(const Codebook& codebook) : levels_(static_cast<unsigned>(codebook.levels.size())) {
        for (unsigned e = 0; e < codebook.elements / 2; e++) count_ *= levels_;
        squares_.resize(std::size_t{count_} * count_);
        for (unsigned a = 0; a < count_; a++) {
            for (unsigned b = 0; b < count_; b++) {
                for (unsigned place = 1; place < count_; place *= levels_) {
                    const int off =
                        codebook.levels[a / place % levels_] - codebook.levels[b / place % levels_];
                    squares_[a * count_ + b] += static_cast<unsigned>(off * off);
                }
            }
        }
    }

    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] const unsigned* from(unsigned half) const { return squares_.data() + half * count_; }

    // Half of an entry: 0 the lower elements, 1 the upper ones.
    [[nodiscard]] unsigned half(const Codebook& codebook, unsigned index, unsigned which) const {
        const unsigned first = which * codebook.elements / 2;
        unsigned half = 0;
        for (unsigned e = codebook.elements / 2; e-- > 0;)
            half = half * levels_ + codebook.code(index, first + e);
        return half;
    }

  private:
    unsigned levels_, count_ = 1;
    std::vector<unsigned> squares_;
};

}  // namespace

NearPoints::NearPoints(const Codebook& codebook, unsigned lists)
    : lists_(lists), words_(codebook.elements / 4) {
    const HalfDistances distances(codebook);
    const unsigned points = distances.count() * distances.count();
    const auto size = static_cast<unsigned>(codebook.entries.size());
    std::vector<std::array<unsigned, 2>> halves(size);
    for (unsigned i = 0; i < size; i++)
        halves[i] = {distances.half(codebook, i, 0), distances.half(codebook, i, 1)};

    levels_.resize(points * lists_ * words_ * kList);
    entries_.resize(points * lists_ * kList);
    const int base = std::min<int>(codebook.levels.front(), 0);
    std::vector<unsigned> order(size);  // distance and index in one number: no two are the same
    for (unsigned p = 0; p < points; p++) {
        const unsigned* lower = distances.from(p % distances.count());
        const unsigned* upper = distances.from(p / distances.count());
        for (unsigned i = 0; i < size; i++) order[i] = (lower[halves[i][0]] + upper[halves[i][1]]) << 16 | i;
        std::ranges::partial_sort(order, order.begin() + lists * kList);
        for (unsigned n = 0; n < lists * kList; n++) {
            const unsigned index = order[n] & 0xffffu;
            entries_[p * lists_ * kList + n] = static_cast<std::uint16_t>(index);
            for (unsigned e = 0; e < codebook.elements; e++) {
                const std::size_t word = ((p * lists_ + n / kList) * words_ + e / 4) * kList + n % kList;
                levels_[word] |= static_cast<std::uint32_t>(codebook.level(index, e) - base) << (e % 4 * 8);
            }
        }
    }
}

}  // namespace tuff
