// Reads the fields of a GGUF file one after the other, each compared with the bytes that are left before it
// is touched. Nothing it reads decides how much memory is allocated.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <tuff/result.hpp>

#include "backend/gguf_value.hpp"

namespace tuff {

static_assert(std::endian::native == std::endian::little,
              "GGUF headers and tensor data are used as they are stored");

// From any address.
template <class T>
requires std::is_arithmetic_v<T>
[[nodiscard]] T load_little_endian(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// One value of a fixed size: `type` is neither string nor array, and least_bytes(type) bytes are there.
[[nodiscard]] GgufValue decode_scalar(GgufType type, const std::byte* from) noexcept;

class GgufReader {
  public:
    // `bytes` is the whole file and must outlive the reader and every view it returns; `file` names it in
    // messages.
    GgufReader(std::span<const std::byte> bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {}

    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] std::uint64_t remaining() const noexcept { return bytes_.size() - position_; }

    // What the following fields belong to, for messages: "key 3", then "key 'general.name'" once the name is
    // known.
    void begin(std::string_view noun, std::uint64_t number);
    void set_name(std::string_view name) noexcept { name_ = name; }

    // Each reads one field and moves behind it. Error `malformed`: the file ends within the field. `what`
    // names the field: "value type".
    template <class T>
    requires std::is_arithmetic_v<T>
    [[nodiscard]] Result<T> number(std::string_view what) {
        TUFF_TRY(from, take(sizeof(T), what));
        return load_little_endian<T>(from);
    }
    [[nodiscard]] Result<std::string_view> string(std::string_view what);
    // Also fails on an unknown type, and on arrays of arrays.
    [[nodiscard]] Result<GgufValue> value();

    // "FILE: key 'x', byte 40: text", to return as an error.
    template <class... Args>
    [[nodiscard]] std::unexpected<Error> fail_at(std::uint64_t offset, fmt::format_string<Args...> text,
                                                 Args&&... args) const {
        return fail_with(ErrorCode::malformed, offset, fmt::format(text, std::forward<Args>(args)...));
    }
    [[nodiscard]] std::unexpected<Error> fail_with(ErrorCode code, std::uint64_t offset,
                                                   std::string_view text) const;

  private:
    [[nodiscard]] Result<const std::byte*> take(std::uint64_t count, std::string_view what);
    [[nodiscard]] Result<GgufType> type(std::string_view what);
    [[nodiscard]] Result<GgufValue> array();

    std::span<const std::byte> bytes_;
    std::string file_;
    std::uint64_t position_ = 0;
    std::string_view noun_ = "header";
    std::uint64_t number_ = 0;  // 1 is the first; 0: there is only one such thing
    std::string_view name_;     // empty: not known yet
};

}  // namespace tuff
