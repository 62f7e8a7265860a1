// Metadata values of a GGUF file. Strings and arrays are views into the file's memory, decoded when looked
// at.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace tuff {

// Value types by their id in the file.
enum class GgufType : std::uint32_t {
    u8,
    i8,
    u16,
    i16,
    u32,
    i32,
    f32,
    boolean,
    string,
    array,
    u64,
    i64,
    f64
};

[[nodiscard]] bool is_gguf_type(std::uint32_t id) noexcept;
[[nodiscard]] std::string_view name_of(GgufType type) noexcept;
// Bytes of one value in the file; for strings and arrays of the smallest possible one.
[[nodiscard]] std::uint64_t least_bytes(GgufType type) noexcept;

class GgufArray;
// Alternatives in the order of GgufType, so that index() is the type.
using GgufValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, float,
                 bool, std::string_view, GgufArray, std::uint64_t, std::int64_t, double>;

// An array whose bytes have been checked (by GgufReader): the elements are there, each of the given type.
// Copying it copies the view. Iterating yields GgufValue by value; strings have different lengths, so there
// is no index.
class GgufArray {
  public:
    class Iterator {
      public:
        using iterator_concept = std::forward_iterator_tag;
        using iterator_category = std::input_iterator_tag;
        using value_type = GgufValue;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = GgufValue;

        Iterator() = default;
        GgufValue operator*() const;
        Iterator& operator++();
        Iterator operator++(int);
        bool operator==(const Iterator& other) const { return at_ == other.at_; }

      private:
        friend GgufArray;
        Iterator(GgufType type, const std::byte* at) : type_(type), at_(at) {}
        GgufType type_ = GgufType::u8;
        const std::byte* at_ = nullptr;
    };

    GgufArray() = default;

    [[nodiscard]] GgufType element_type() const noexcept { return element_type_; }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    // The elements as they stand in the file: little-endian and at any address.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] Iterator begin() const { return {element_type_, bytes_.data()}; }
    [[nodiscard]] Iterator end() const { return {element_type_, bytes_.data() + bytes_.size()}; }

  private:
    friend class GgufReader;
    GgufArray(GgufType type, std::uint64_t count, std::span<const std::byte> bytes)
        : element_type_(type), count_(count), bytes_(bytes) {}
    GgufType element_type_ = GgufType::u8;
    std::uint64_t count_ = 0;
    std::span<const std::byte> bytes_;
};

[[nodiscard]] inline GgufType type_of(const GgufValue& value) {
    return static_cast<GgufType>(value.index());
}

// The kinds of value a reader of metadata asks for.
template <class T>
concept GgufKind =
    std::same_as<T, std::uint64_t> || std::same_as<T, std::int64_t> || std::same_as<T, double> ||
    std::same_as<T, bool> || std::same_as<T, std::string_view> || std::same_as<T, GgufArray>;

// Producers disagree about widths, so any integer type serves for an integer if the number fits, and either
// float type for a double. Nothing else converts: no string or bool to a number, no float to an integer or
// the reverse.
template <GgufKind T>
[[nodiscard]] std::optional<T> convert(const GgufValue& value);

// For people: numbers as they are, strings escaped and in single quotes (cut at about `string_limit` bytes),
// arrays as "[1, 2, 3, ... 32000 i32]" with at most `element_limit` elements.
[[nodiscard]] std::string to_text(const GgufValue& value, std::size_t element_limit = 8,
                                  std::size_t string_limit = 96);

}  // namespace tuff
