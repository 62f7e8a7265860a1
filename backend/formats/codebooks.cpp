#include "backend/formats/codebooks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace tuff {
namespace {

// Two entries to a word, as shaders want them.
template <std::size_t Words>
constexpr auto entries_of(const std::uint32_t (&words)[Words]) {
    std::array<std::uint16_t, Words * 2> entries{};
    for (std::size_t i = 0; i < entries.size(); i++)
        entries[i] = static_cast<std::uint16_t>(words[i / 2] >> (i % 2 * 16));
    return entries;
}

#define CODEBOOK_PART(part) ,  // where shaders begin another array
constexpr std::uint32_t iq1_words[] = {
#include "shaders/codebooks/iq1.inc"
};
constexpr std::uint32_t iq2_xxs_words[] = {
#include "shaders/codebooks/iq2_xxs.inc"
};
constexpr std::uint32_t iq2_xs_words[] = {
#include "shaders/codebooks/iq2_xs.inc"
};
constexpr std::uint32_t iq2_s_words[] = {
#include "shaders/codebooks/iq2_s.inc"
};
constexpr std::uint32_t iq3_xxs_words[] = {
#include "shaders/codebooks/iq3_xxs.inc"
};
constexpr std::uint32_t iq3_s_words[] = {
#include "shaders/codebooks/iq3_s.inc"
};

#undef CODEBOOK_PART

constexpr auto iq1 = entries_of(iq1_words);
constexpr auto iq2_xxs = entries_of(iq2_xxs_words);
constexpr auto iq2_xs = entries_of(iq2_xs_words);
constexpr auto iq2_s = entries_of(iq2_s_words);
constexpr auto iq3_xxs = entries_of(iq3_xxs_words);
constexpr auto iq3_s = entries_of(iq3_s_words);

constexpr std::int8_t iq1_levels[] = {-1, 0, 1};
constexpr std::int8_t iq2_levels[] = {8, 25, 43};
constexpr std::int8_t iq3_xxs_levels[] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::int8_t iq3_s_levels[] = {1, 3, 5, 7, 9, 11, 13, 15};

}  // namespace

const Codebook codebook_iq1{iq1, 8, 2, iq1_levels};
const Codebook codebook_iq2_xxs{iq2_xxs, 8, 2, iq2_levels};
const Codebook codebook_iq2_xs{iq2_xs, 8, 2, iq2_levels};
const Codebook codebook_iq2_s{iq2_s, 8, 2, iq2_levels};
const Codebook codebook_iq3_xxs{iq3_xxs, 4, 4, iq3_xxs_levels};
const Codebook codebook_iq3_s{iq3_s, 4, 4, iq3_s_levels};

std::optional<unsigned> Codebook::find(std::uint16_t entry) const {
    const auto at = std::ranges::lower_bound(entries, entry);
    if (at == entries.end() || *at != entry) return std::nullopt;
    return static_cast<unsigned>(at - entries.begin());
}

}  // namespace tuff
