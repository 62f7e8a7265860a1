// q4_k: super-blocks of 256 in 8 groups of 32, codes of four bits, six-bit scales and mins, half d, half
// dmin; value = d * scale * code - dmin * min.
#include "backend/formats/k_scaled.hpp"

namespace tuff {

extern const Format format_q4_k;
const Format format_q4_k = k_scaled::format<{.has_fifths = false}>("q4_k", 12);

}  // namespace tuff
