// Text from outside (file names, keys, tensor names, metadata) made safe to show on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tuff {

inline constexpr std::size_t k_whole = static_cast<std::size_t>(-1);

// `text` with everything escaped that a terminal could act on or that hides itself: control characters, bytes
// that are not UTF-8, invisible and direction-changing characters. Backslash and quotes are escaped too, so
// the result can stand between single quotes. Valid UTF-8 stays readable. After about `limit` bytes of result
// it ends in
// "...".
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 96);

}  // namespace tuff
