// q5_1: blocks of 32, half d, half m, 4 bytes of fifth bits, 16 bytes of nibbles; value = d * code + m.
#include "backend/formats/block32.hpp"

namespace tuff {

extern const Format format_q5_1;
const Format format_q5_1 = block32::format<{.nibbles = 8, .fifths = 4, .has_m = true}>("q5_1", 7);

}  // namespace tuff
