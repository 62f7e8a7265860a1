// Numbers and tables as the commands print them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace tuff::tools {

// 1234567 -> "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);

// "8,145,792 bytes (7.77 MiB)"
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// Columns as wide as their widest cell; all but those named in `left` are set flush right. The first row says
// how many there are; it is the head.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows,
                                std::initializer_list<std::size_t> left);

}  // namespace tuff::tools
