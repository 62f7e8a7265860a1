#include "backend/gguf.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "backend/arithmetic.hpp"
#include "backend/gguf_reader.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

constexpr std::uint64_t k_header_bytes = 24;
constexpr std::uint64_t k_least_key_bytes = 14;     // a name of one byte, type, a value of one byte
constexpr std::uint64_t k_least_tensor_bytes = 24;  // empty name, no dimensions, type, offset
constexpr std::uint64_t k_max_key_name = 65535;
constexpr std::uint64_t k_max_tensor_name = 63;
constexpr std::uint64_t k_max_elements = std::numeric_limits<std::int64_t>::max();
constexpr std::string_view k_magic = "GGUF";

// A count in the file reserves at most this much; beyond it vectors grow with what has really been read.
constexpr std::uint64_t k_max_reserved = 4096;

// Indices of `entries` by ascending name. Sorting finds duplicates and serves the lookups, and unlike a hash
// table no choice of names makes it quadratic.
template <class Entry>
std::vector<std::uint32_t> order_by_name(const std::vector<Entry>& entries) {
    std::vector<std::uint32_t> order(entries.size());
    std::iota(order.begin(), order.end(), 0u);
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
        return std::pair(entries[a].name, a) < std::pair(entries[b].name, b);
    });
    return order;
}

// The first entry in sorted order that has the name of the one before it.
template <class Entry>
std::optional<std::pair<std::uint32_t, std::uint32_t>> find_duplicate(
    const std::vector<Entry>& entries, const std::vector<std::uint32_t>& order) {
    const auto same = [&](std::uint32_t a, std::uint32_t b) { return entries[a].name == entries[b].name; };
    const auto found = std::ranges::adjacent_find(order, same);
    if (found == order.end()) return std::nullopt;
    return std::pair(*found, *std::next(found));
}

template <class Entry>
const Entry* find_by_name(const std::vector<Entry>& entries, const std::vector<std::uint32_t>& order,
                          std::string_view name) noexcept {
    const auto name_at = [&](std::uint32_t i) { return entries[i].name; };
    const auto found = std::ranges::lower_bound(order, name, std::ranges::less{}, name_at);
    return found != order.end() && name_at(*found) == name ? &entries[*found] : nullptr;
}

// The header's magic and version; leaves `in` behind them.
Result<std::uint32_t> read_version(GgufReader& in, std::span<const std::byte> bytes) {
    if (bytes.empty()) return in.fail_at(0, "the file is empty");
    const auto begins = std::min<std::size_t>(bytes.size(), k_magic.size());
    const std::string_view magic(reinterpret_cast<const char*>(bytes.data()), begins);
    if (magic != k_magic) return in.fail_at(0, "not a GGUF file: it begins with '{}'", printable(magic));
    if (bytes.size() < k_header_bytes) {
        return in.fail_at(0, "the file is {} bytes long, the header alone needs {}", bytes.size(),
                          k_header_bytes);
    }
    TUFF_CHECK(in.number<std::uint32_t>("magic"));
    const std::uint64_t at = in.position();
    TUFF_TRY(version, in.number<std::uint32_t>("version"));
    if (version == 2 || version == 3) return version;
    if (version == 0x02000000 || version == 0x03000000) {
        return in.fail_with(ErrorCode::unsupported, at,
                            "the file is big-endian; only little-endian files are read");
    }
    return in.fail_with(ErrorCode::unsupported, at,
                        fmt::format("GGUF version {} is not supported; versions 2 and 3 are", version));
}

// A count of entries, compared with the bytes left behind the header and with a fixed limit.
Result<void> check_count(const GgufReader& in, std::uint64_t at, std::string_view noun, std::uint64_t count,
                         std::uint64_t least_bytes_each, std::uint64_t limit) {
    if (count > in.remaining() / least_bytes_each) {
        return in.fail_at(at, "{} {} need at least {} bytes each, the file has {} left", count, noun,
                          least_bytes_each, in.remaining());
    }
    if (count > limit) {
        return in.fail_with(ErrorCode::unsupported, at,
                            fmt::format("{} {} exceed the limit of {}", count, noun, limit));
    }
    return {};
}

Result<void> read_dimensions(GgufReader& in, GgufTensor& tensor) {
    const std::uint64_t at = in.position();
    TUFF_TRY(n_dims, in.number<std::uint32_t>("number of dimensions"));
    if (n_dims > tensor.dims.size()) {
        return in.fail_at(at, "{} dimensions; at most {} are allowed", n_dims, tensor.dims.size());
    }
    tensor.n_dims = n_dims;
    tensor.dims = {1, 1, 1, 1};
    std::uint64_t product = 1;  // of the non-zero dimensions
    bool empty = false;
    for (std::uint32_t i = 0; i < n_dims; ++i) {
        const std::uint64_t dim_at = in.position();
        TUFF_TRY(dim, in.number<std::uint64_t>("dimension"));
        if (dim > k_max_elements) return in.fail_at(dim_at, "dimension {} is {}, not below 2^63", i, dim);
        tensor.dims[i] = dim;
        if (dim == 0) {
            empty = true;
        } else if (__builtin_mul_overflow(product, dim, &product) || product > k_max_elements) {
            return in.fail_at(at, "the dimensions up to {} multiply to 2^63 elements or more", i);
        }
    }
    tensor.elements = empty ? 0 : product;
    return {};
}

// One info. The offset is left as stored, relative to the data section.
Result<GgufTensor> read_info(GgufReader& in, std::uint32_t alignment) {
    GgufTensor tensor{};
    const std::uint64_t name_at = in.position();
    TUFF_TRY(name, in.string("name"));
    if (name.size() > k_max_tensor_name) {
        return in.fail_at(name_at, "the name '{}' is {} bytes long; at most {} are allowed", printable(name),
                          name.size(), k_max_tensor_name);
    }
    in.set_name(name);
    tensor.name = name;
    TUFF_CHECK(read_dimensions(in, tensor));

    const std::uint64_t type_at = in.position();
    TUFF_TRY(type_id, in.number<std::uint32_t>("type"));
    const auto type = require_type(type_id);
    if (!type) return in.fail_with(type.error().code, type_at, type.error().message);
    tensor.type = *type;
    if (const auto row = row_bytes(**type, tensor.dims[0]); !row) {
        return in.fail_at(type_at, "row length: {}", row.error().message);
    }
    const auto total = row_bytes(**type, tensor.elements);
    if (!total) return in.fail_at(type_at, "size: {}", total.error().message);
    tensor.bytes = *total;

    const std::uint64_t offset_at = in.position();
    TUFF_TRY(offset, in.number<std::uint64_t>("offset"));
    if (offset % alignment != 0) {
        return in.fail_at(offset_at, "offset {} is no multiple of the alignment {}", offset, alignment);
    }
    tensor.offset = offset;
    return tensor;
}

}  // namespace

Result<GgufFile> GgufFile::open(const std::string& path) {
    TUFF_TRY(file, MappedFile::open(path));
    auto result = parse(file.bytes(), path);
    if (result) result->file_ = std::move(file);
    return result;
}

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes, std::string_view name_for_messages) {
    GgufFile file;
    file.bytes_ = bytes;
    file.name_ = printable(name_for_messages, k_whole);
    try {
        TUFF_CHECK(file.read());
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::out_of_memory, "{}: no memory left for its keys and tensor infos", file.name_);
    }
    return file;
}

Result<void> GgufFile::read() {
    GgufReader in(bytes_, name_);
    TUFF_TRY(version, read_version(in, bytes_));
    version_ = version;
    const std::uint64_t tensors_at = in.position();
    TUFF_TRY(n_tensors, in.number<std::uint64_t>("tensor count"));
    const std::uint64_t keys_at = in.position();
    TUFF_TRY(n_keys, in.number<std::uint64_t>("key count"));
    TUFF_CHECK(check_count(in, keys_at, "keys", n_keys, k_least_key_bytes, k_max_gguf_keys));
    TUFF_CHECK(check_count(in, tensors_at, "tensors", n_tensors, k_least_tensor_bytes, k_max_gguf_tensors));
    TUFF_CHECK(read_keys(in, n_keys));
    return read_tensors(in, n_tensors);
}

Result<void> GgufFile::read_keys(GgufReader& in, std::uint64_t count) {
    keys_.reserve(std::min(count, k_max_reserved));
    for (std::uint64_t i = 0; i < count; ++i) {
        in.begin("key", i + 1);
        const std::uint64_t at = in.position();
        TUFF_TRY(name, in.string("name"));
        if (name.empty() || name.size() > k_max_key_name) {
            return in.fail_at(at, "the name is {} bytes long; 1 to {} are allowed", name.size(),
                              k_max_key_name);
        }
        in.set_name(name);
        TUFF_TRY(value, in.value());
        keys_.push_back({name, value, at});
    }
    key_order_ = order_by_name(keys_);
    if (const auto twice = find_duplicate(keys_, key_order_)) {
        in.begin("key", twice->second + 1);
        in.set_name(keys_[twice->second].name);
        return in.fail_at(keys_[twice->second].offset, "the same name as key {} at byte {}", twice->first + 1,
                          keys_[twice->first].offset);
    }

    const GgufKey* key = find_key("general.alignment");
    if (key == nullptr) return {};
    in.begin("key", 1);
    in.set_name(key->name);
    const auto* alignment = std::get_if<std::uint32_t>(&key->value);
    if (alignment == nullptr) {
        return in.fail_at(key->offset, "the alignment is stored as {}, not as u32",
                          name_of(type_of(key->value)));
    }
    if (!std::has_single_bit(*alignment)) {
        return in.fail_at(key->offset, "the alignment {} is not a power of two", *alignment);
    }
    alignment_ = *alignment;
    return {};
}

Result<void> GgufFile::read_tensors(GgufReader& in, std::uint64_t count) {
    tensors_.reserve(std::min(count, k_max_reserved));
    std::vector<std::uint64_t> info_at;
    for (std::uint64_t i = 0; i < count; ++i) {
        in.begin("tensor", i + 1);
        info_at.push_back(in.position());
        TUFF_TRY(tensor, read_info(in, alignment_));
        tensors_.push_back(tensor);
    }
    tensor_order_ = order_by_name(tensors_);
    if (const auto twice = find_duplicate(tensors_, tensor_order_)) {
        in.begin("tensor", twice->second + 1);
        in.set_name(tensors_[twice->second].name);
        return in.fail_at(info_at[twice->second], "the same name as tensor {} at byte {}", twice->first + 1,
                          info_at[twice->first]);
    }
    return place_tensors(in, info_at);
}

Result<void> GgufFile::place_tensors(GgufReader& in, std::span<const std::uint64_t> info_at) {
    data_offset_ = in.position();
    if (tensors_.empty()) return {};
    // Cannot wrap: a position in a file plus less than 2^32.
    data_offset_ = round_up(data_offset_, alignment_);
    if (data_offset_ > bytes_.size()) {
        in.begin("data section", 0);
        return in.fail_at(data_offset_, "the file ends before it, at byte {}", bytes_.size());
    }
    const std::uint64_t data_bytes = bytes_.size() - data_offset_;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
        GgufTensor& tensor = tensors_[i];
        if (tensor.offset > data_bytes || tensor.bytes > data_bytes - tensor.offset) {
            in.begin("tensor", i + 1);
            in.set_name(tensor.name);
            return in.fail_at(info_at[i],
                              "{} bytes at offset {} of the data section, which has only {} bytes",
                              tensor.bytes, tensor.offset, data_bytes);
        }
        tensor.offset += data_offset_;
    }
    return check_overlap(in);
}

Result<void> GgufFile::check_overlap(GgufReader& in) const {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < tensors_.size(); ++i) {
        if (tensors_[i].bytes != 0) order.push_back(i);  // one without data overlaps nothing
    }
    std::ranges::sort(order, std::ranges::less{}, [&](std::uint32_t i) { return tensors_[i].offset; });
    for (std::size_t i = 1; i < order.size(); ++i) {
        const GgufTensor& first = tensors_[order[i - 1]];
        const GgufTensor& second = tensors_[order[i]];
        if (second.offset - first.offset >= first.bytes) continue;
        in.begin("tensor", order[i] + 1);
        in.set_name(second.name);
        return in.fail_at(second.offset, "the data overlaps that of tensor '{}', {} bytes from byte {}",
                          printable(first.name), first.bytes, first.offset);
    }
    return {};
}

const GgufKey* GgufFile::find_key(std::string_view name) const noexcept {
    return find_by_name(keys_, key_order_, name);
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const noexcept {
    return find_by_name(tensors_, tensor_order_, name);
}

namespace {

template <GgufKind T>
constexpr std::string_view k_expected = "an array";
template <>
constexpr std::string_view k_expected<std::uint64_t> = "an integer from 0 to 2^64-1";
template <>
constexpr std::string_view k_expected<std::int64_t> = "an integer from -2^63 to 2^63-1";
template <>
constexpr std::string_view k_expected<double> = "a float";
template <>
constexpr std::string_view k_expected<bool> = "a bool";
template <>
constexpr std::string_view k_expected<std::string_view> = "a string";

}  // namespace

template <GgufKind T>
Result<std::optional<T>> GgufFile::find(std::string_view key) const {
    const GgufKey* found = find_key(key);
    if (found == nullptr) return std::optional<T>{};
    if (std::optional<T> value = convert<T>(found->value)) return value;
    return fail(ErrorCode::malformed, "{}: key '{}', byte {}: {} is expected, the file has {} ({})", name_,
                printable(key), found->offset, k_expected<T>, to_text(found->value),
                name_of(type_of(found->value)));
}

template <GgufKind T>
Result<T> GgufFile::get(std::string_view key) const {
    TUFF_TRY(found, find<T>(key));
    if (found) return *found;
    return fail(ErrorCode::malformed, "{}: key '{}' is missing; {} is expected", name_, printable(key),
                k_expected<T>);
}

template Result<std::optional<std::uint64_t>> GgufFile::find(std::string_view) const;
template Result<std::optional<std::int64_t>> GgufFile::find(std::string_view) const;
template Result<std::optional<double>> GgufFile::find(std::string_view) const;
template Result<std::optional<bool>> GgufFile::find(std::string_view) const;
template Result<std::optional<std::string_view>> GgufFile::find(std::string_view) const;
template Result<std::optional<GgufArray>> GgufFile::find(std::string_view) const;
template Result<std::uint64_t> GgufFile::get(std::string_view) const;
template Result<std::int64_t> GgufFile::get(std::string_view) const;
template Result<double> GgufFile::get(std::string_view) const;
template Result<bool> GgufFile::get(std::string_view) const;
template Result<std::string_view> GgufFile::get(std::string_view) const;
template Result<GgufArray> GgufFile::get(std::string_view) const;

std::span<const std::byte> GgufFile::data(const GgufTensor& tensor) const noexcept {
    if (tensor.offset > bytes_.size() || tensor.bytes > bytes_.size() - tensor.offset) return {};
    return bytes_.subspan(tensor.offset, tensor.bytes);
}

}  // namespace tuff
