// q5_0: blocks of 32, half d, 4 bytes of fifth bits, 16 bytes of nibbles; value = d * (code - 16).
#include "backend/formats/block32.hpp"

namespace tuff {

extern const Format format_q5_0;
const Format format_q5_0 = block32::format<{.nibbles = 6, .fifths = 2, .bias = 16}>("q5_0", 6);

}  // namespace tuff
