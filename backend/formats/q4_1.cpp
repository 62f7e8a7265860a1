// q4_1: blocks of 32, half d, half m, 16 bytes of nibbles; value = d * code + m.
#include "backend/formats/block32.hpp"

namespace tuff {

extern const Format format_q4_1;
const Format format_q4_1 = block32::format<{.nibbles = 4, .has_m = true}>("q4_1", 3);

}  // namespace tuff
