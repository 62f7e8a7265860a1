#include "host/bytes.hpp"

#include <fmt/core.h>

#include <array>
#include <cctype>
#include <charconv>

namespace tuff::host {

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return fmt::format("{} B", bytes);
    auto value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    const auto refuse = [&] {
        return fail(ErrorCode::usage, "'{}' is not a number of bytes such as 4096, 512MiB, 8GiB or 24GB",
                    text);
    };
    // Digits alone first: a double does not hold every 64-bit number.
    std::uint64_t whole = 0;
    const char* const end = text.data() + text.size();
    if (const auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc() && at == end)
        return whole;

    double number = 0;
    const auto [at, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0)) return refuse();
    std::string unit;
    for (const char* c = at; c != end; ++c)
        if (*c != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
    constexpr std::string_view kPrefixes = "bkmgtp";
    const std::size_t power = unit.empty() ? 0 : kPrefixes.find(unit.front());
    if (power == std::string_view::npos || unit.empty()) return refuse();
    const bool binary = unit.size() == 3 && unit.ends_with("ib"),
               decimal = unit.size() == 2 && unit[1] == 'b';
    const bool alone = unit.size() == 1;  // "8G" is what memory is counted in: 8 GiB
    if (power == 0 ? !alone : !(binary || decimal || alone)) return refuse();
    for (std::size_t i = 0; i < power; ++i) number *= decimal ? 1000 : 1024;
    if (number >= 18446744073709551616.0) return refuse();
    return static_cast<std::uint64_t>(number);
}

}  // namespace tuff::host
