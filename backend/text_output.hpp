// Where reports and tables go: standard output, or a file that is complete or not there at all.
#pragma once

#include <string>
#include <string_view>

#include <tuff/result.hpp>

namespace tuff {

// Writes all of `text` to `target`, a path as OutputFile takes it; "-" is standard output. Error `io` with
// the path and the system's reason; nothing is left behind then.
[[nodiscard]] Result<void> write_text(const std::string& target, std::string_view text);

}  // namespace tuff
