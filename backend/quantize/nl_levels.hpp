// The 16 levels of iq4_nl and iq4_xs, for eight values at a time.
#pragma once

#include "backend/formats/levels.hpp"
#include "backend/quantize/lanes.hpp"

namespace tuff::lanes {

// Where level k begins to be nearer than level k - 1, itself included. Both subtractions of the reference's
// comparison are exact around there, so comparing with the middle is the same.
constexpr float nl_middle(std::size_t k) {
    return 0.5f * static_cast<float>(levels::kNl[k - 1] + levels::kNl[k]);
}

TUFF_INLINE I8 nearest_nl_code(F8 x) {
    I8 code{};
    for (std::size_t k = 1; k < 16; k++) code -= x >= nl_middle(k);  // a comparison that holds is -1
    return code;
}

TUFF_INLINE F8 nearest_nl_level(F8 x) {
    F8 level = all(levels::kNl[0]);
    for (std::size_t k = 1; k < 16; k++) level = x >= nl_middle(k) ? all(levels::kNl[k]) : level;
    return level;
}

}  // namespace tuff::lanes
