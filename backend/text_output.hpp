// Where reports and tables go: standard output, or a file that is complete or not there at all.
#pragma once

#include <string>
#include <string_view>

#include <tuff/result.hpp>

namespace tuff {

// Writes all of `text` to `target`: "-" is standard output. A regular file is written beside its final place
// and renamed, so an old one is replaced only by a complete new one (a symbolic link stays, what it points to
// is replaced); pipes and devices are written directly. Error `io` with the path and the system's reason;
// nothing is left behind then.
[[nodiscard]] Result<void> write_text(const std::string& target, std::string_view text);

}  // namespace tuff
