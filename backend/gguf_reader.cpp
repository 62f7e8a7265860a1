#include "backend/gguf_reader.hpp"

#include "backend/printable.hpp"

namespace tuff {

GgufValue decode_scalar(GgufType type, const std::byte* from) noexcept {
    switch (type) {
        case GgufType::u8:
            return load_little_endian<std::uint8_t>(from);
        case GgufType::i8:
            return load_little_endian<std::int8_t>(from);
        case GgufType::u16:
            return load_little_endian<std::uint16_t>(from);
        case GgufType::i16:
            return load_little_endian<std::int16_t>(from);
        case GgufType::u32:
            return load_little_endian<std::uint32_t>(from);
        case GgufType::i32:
            return load_little_endian<std::int32_t>(from);
        case GgufType::f32:
            return load_little_endian<float>(from);
        case GgufType::boolean:
            return load_little_endian<std::uint8_t>(from) != 0;  // any other byte is true
        case GgufType::u64:
            return load_little_endian<std::uint64_t>(from);
        case GgufType::i64:
            return load_little_endian<std::int64_t>(from);
        case GgufType::f64:
            return load_little_endian<double>(from);
        case GgufType::string:
        case GgufType::array:
            break;
    }
    std::unreachable();
}

void GgufReader::begin(std::string_view noun, std::uint64_t number) {
    noun_ = noun;
    number_ = number;
    name_ = {};
}

std::unexpected<Error> GgufReader::fail_with(ErrorCode code, std::uint64_t offset,
                                             std::string_view text) const {
    std::string subject(noun_);
    if (!name_.empty()) {
        subject += fmt::format(" '{}'", printable(name_));
    } else if (number_ != 0) {
        subject += fmt::format(" {}", number_);
    }
    return fail(code, "{}: {}, byte {}: {}", file_, subject, offset, text);
}

Result<const std::byte*> GgufReader::take(std::uint64_t count, std::string_view what) {
    if (count > remaining()) {
        return fail_at(position_, "the {} needs {} bytes, the file has {} left", what, count, remaining());
    }
    const std::byte* from = bytes_.data() + position_;
    position_ += count;
    return from;
}

Result<std::string_view> GgufReader::string(std::string_view what) {
    TUFF_TRY(length, number<std::uint64_t>(what));
    TUFF_TRY(from, take(length, what));
    return std::string_view(reinterpret_cast<const char*>(from), length);
}

Result<GgufType> GgufReader::type(std::string_view what) {
    const std::uint64_t at = position_;
    TUFF_TRY(id, number<std::uint32_t>(what));
    if (!is_gguf_type(id)) return fail_at(at, "{} {} is unknown; the known ones end at 12 (f64)", what, id);
    return static_cast<GgufType>(id);
}

Result<GgufValue> GgufReader::value() {
    TUFF_TRY(kind, type("value type"));
    if (kind == GgufType::array) return array();
    if (kind == GgufType::string) return string("string");
    TUFF_TRY(from, take(least_bytes(kind), "value"));
    return decode_scalar(kind, from);
}

Result<GgufValue> GgufReader::array() {
    const std::uint64_t at = position_;
    TUFF_TRY(kind, type("array's element type"));
    if (kind == GgufType::array) return fail_at(at, "arrays of arrays are not supported");

    const std::uint64_t count_at = position_;
    TUFF_TRY(count, number<std::uint64_t>("array's length"));
    const std::uint64_t most = remaining() / least_bytes(kind);
    if (count > most) {
        return fail_at(count_at, "an array of {} {} does not fit in the {} bytes left (at most {})", count,
                       name_of(kind), remaining(), most);
    }

    const std::uint64_t start = position_;
    if (kind == GgufType::string) {
        for (std::uint64_t i = 0; i < count; ++i) TUFF_CHECK(string("array's string"));
    } else {
        position_ += count * least_bytes(kind);  // cannot wrap: count was compared with the quotient
    }
    return GgufArray(kind, count, bytes_.subspan(start, position_ - start));
}

}  // namespace tuff
