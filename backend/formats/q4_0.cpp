// q4_0: blocks of 32, half d, 16 bytes of nibbles; value = d * (code - 8).
#include "backend/formats/block32.hpp"

namespace tuff {

extern const Format format_q4_0;
const Format format_q4_0 = block32::format<{.nibbles = 2, .bias = 8}>("q4_0", 2);

}  // namespace tuff
