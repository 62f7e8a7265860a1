#include "backend/printable.hpp"

#include <cstdint>
#include <iterator>

#include <fmt/format.h>

namespace tuff {
namespace {

struct Codepoint {
    std::uint32_t value = 0;
    std::size_t bytes = 0;  // 0: the text does not start with valid UTF-8
};

// RFC 3629: shortest form only, no surrogates, at most U+10FFFF.
Codepoint decode_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
    std::uint32_t value = lead & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        value = (value << 6) | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t k_least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < k_least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {};
    return {value, length};
}

bool is_shown_as_itself(std::uint32_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
    if (c == '\\' || c == '\'' || c == '"') return false;
    if (c == 0xad || c == 0x61c || c == 0x180e || c == 0xfeff)
        return false;  // soft hyphen, marks, byte order mark
    if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e))
        return false;                              // zero width, direction, breaks
    if (c >= 0x2060 && c <= 0x206f) return false;  // joiners, isolates
    if (c >= 0xe000 && c <= 0xf8ff) return false;  // private use
    return c < 0xe0000;                            // tags and planes above
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
    std::string out;
    while (!text.empty()) {
        if (out.size() >= limit) return out += "...";
        const Codepoint c = decode_utf8(text);
        const std::size_t taken = c.bytes == 0 ? 1 : c.bytes;
        const std::string_view piece = text.substr(0, taken);
        if (c.bytes != 0 && is_shown_as_itself(c.value)) {
            out += piece;
        } else if (c.value == '\n') {
            out += "\\n";
        } else if (c.value == '\t') {
            out += "\\t";
        } else if (c.value == '\\' || c.value == '\'' || c.value == '"') {
            out += '\\';
            out += piece;
        } else if (c.value >= 0x80) {
            fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}", c.value);
        } else {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(piece[0]));
        }
        text.remove_prefix(taken);
    }
    return out;
}

}  // namespace tuff
