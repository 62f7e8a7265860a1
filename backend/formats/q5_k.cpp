// q5_k: super-blocks of 256 in 8 groups of 32, codes of five bits, six-bit scales and mins, half d, half
// dmin; value = d * scale * code - dmin * min.
#include "backend/formats/k_scaled.hpp"

namespace tuff {

extern const Format format_q5_k;
const Format format_q5_k = k_scaled::format<{.has_fifths = true}>("q5_k", 13);

}  // namespace tuff
