#include "backend/gguf_value.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "backend/gguf_reader.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

constexpr std::array<std::string_view, 13> k_names = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                      "bool", "string", "array", "u64", "i64", "f64"};
constexpr std::array<std::uint64_t, 13> k_least_bytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
static_assert(std::variant_size_v<GgufValue> == k_names.size());

template <class T>
constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;

std::string array_text(const GgufArray& array, std::size_t element_limit, std::size_t string_limit) {
    std::string out = "[";
    std::size_t shown = 0;
    for (const GgufValue& element : array) {
        if (shown == element_limit) break;
        if (shown++ != 0) out += ", ";
        out += to_text(element, 0, string_limit);
    }
    if (shown == array.count()) return out += "]";
    return out +=
           fmt::format("{}... {} {}]", shown == 0 ? "" : ", ", array.count(), name_of(array.element_type()));
}

}  // namespace

bool is_gguf_type(std::uint32_t id) noexcept {
    return id < k_names.size();
}

std::string_view name_of(GgufType type) noexcept {
    return k_names[std::to_underlying(type)];
}

std::uint64_t least_bytes(GgufType type) noexcept {
    return k_least_bytes[std::to_underlying(type)];
}

GgufValue GgufArray::Iterator::operator*() const {
    if (type_ != GgufType::string) return decode_scalar(type_, at_);
    const auto length = load_little_endian<std::uint64_t>(at_);
    return std::string_view(reinterpret_cast<const char*>(at_) + sizeof length, length);
}

GgufArray::Iterator& GgufArray::Iterator::operator++() {
    at_ += least_bytes(type_) + (type_ == GgufType::string ? load_little_endian<std::uint64_t>(at_) : 0);
    return *this;
}

GgufArray::Iterator GgufArray::Iterator::operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
}

static_assert(std::forward_iterator<GgufArray::Iterator>);

template <GgufKind T>
std::optional<T> convert(const GgufValue& value) {
    return std::visit(
        [](const auto& stored) -> std::optional<T> {
            using Stored = std::remove_cvref_t<decltype(stored)>;
            if constexpr (is_integer<T> && is_integer<Stored>) {
                if (std::in_range<T>(stored)) return static_cast<T>(stored);
            } else if constexpr (std::is_same_v<T, double> && std::is_floating_point_v<Stored>) {
                return stored;
            } else if constexpr (std::is_same_v<T, Stored>) {
                return stored;
            }
            return std::nullopt;
        },
        value);
}
template std::optional<std::uint64_t> convert(const GgufValue&);
template std::optional<std::int64_t> convert(const GgufValue&);
template std::optional<double> convert(const GgufValue&);
template std::optional<bool> convert(const GgufValue&);
template std::optional<std::string_view> convert(const GgufValue&);
template std::optional<GgufArray> convert(const GgufValue&);

std::string to_text(const GgufValue& value, std::size_t element_limit, std::size_t string_limit) {
    return std::visit(
        [&](const auto& stored) -> std::string {
            using Stored = std::remove_cvref_t<decltype(stored)>;
            if constexpr (std::is_same_v<Stored, std::string_view>) {
                return fmt::format("'{}'", printable(stored, string_limit));
            } else if constexpr (std::is_same_v<Stored, GgufArray>) {
                return array_text(stored, element_limit, string_limit);
            } else {
                return fmt::format("{}", stored);
            }
        },
        value);
}

}  // namespace tuff
