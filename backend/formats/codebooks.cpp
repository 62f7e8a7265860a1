#include "backend/formats/codebooks.hpp"

#include <algorithm>

namespace tuff {
namespace {

constexpr std::uint16_t iq1[] = {
#include "backend/formats/codebooks/iq1.inc"
};
constexpr std::uint16_t iq2_xxs[] = {
#include "backend/formats/codebooks/iq2_xxs.inc"
};
constexpr std::uint16_t iq2_xs[] = {
#include "backend/formats/codebooks/iq2_xs.inc"
};
constexpr std::uint16_t iq2_s[] = {
#include "backend/formats/codebooks/iq2_s.inc"
};
constexpr std::uint16_t iq3_xxs[] = {
#include "backend/formats/codebooks/iq3_xxs.inc"
};
constexpr std::uint16_t iq3_s[] = {
#include "backend/formats/codebooks/iq3_s.inc"
};

constexpr std::int8_t iq1_levels[] = {-1, 0, 1};
constexpr std::int8_t iq2_levels[] = {8, 25, 43};
constexpr std::int8_t iq3_xxs_levels[] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::int8_t iq3_s_levels[] = {1, 3, 5, 7, 9, 11, 13, 15};

}  // namespace

const Codebook codebook_iq1{"iq1", iq1, 8, 2, iq1_levels};
const Codebook codebook_iq2_xxs{"iq2_xxs", iq2_xxs, 8, 2, iq2_levels};
const Codebook codebook_iq2_xs{"iq2_xs", iq2_xs, 8, 2, iq2_levels};
const Codebook codebook_iq2_s{"iq2_s", iq2_s, 8, 2, iq2_levels};
const Codebook codebook_iq3_xxs{"iq3_xxs", iq3_xxs, 4, 4, iq3_xxs_levels};
const Codebook codebook_iq3_s{"iq3_s", iq3_s, 4, 4, iq3_s_levels};

std::optional<unsigned> Codebook::find(std::uint16_t entry) const {
    const auto at = std::ranges::lower_bound(entries, entry);
    if (at == entries.end() || *at != entry) return std::nullopt;
    return static_cast<unsigned>(at - entries.begin());
}

}  // namespace tuff
