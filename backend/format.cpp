#include "backend/format.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace tuff {

#define TUFF_FORMAT(name) extern const Format format_##name;
#include <tuff_formats.inc>
#undef TUFF_FORMAT

namespace {

constexpr const Format* all[] = {
#define TUFF_FORMAT(name) &format_##name,
#include <tuff_formats.inc>
#undef TUFF_FORMAT
};

}  // namespace

std::span<const Format* const> formats() {
    return all;
}

const Format* find_format(std::string_view name) {
    const auto* found = std::ranges::find(all, name, &Format::name);
    return found == std::end(all) ? nullptr : *found;
}

const Format* find_format(std::uint32_t type_id) {
    const auto* found = std::ranges::find(all, type_id, &Format::type_id);
    return found == std::end(all) ? nullptr : *found;
}

std::string format_names() {
    std::vector<std::string_view> names;
    for (const Format* format : all) names.push_back(format->name);
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace tuff
