#include "backend/kv/saved_cache.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "backend/half.hpp"
#include "backend/kv/cache_size.hpp"

namespace tuff {
namespace {

constexpr std::string_view kMagic = "TUFFKV1\n";
constexpr std::size_t kNameBytes = 16, kCrcBytes = 8;

// Takes fields off the front; what is not there is a failure that stays.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

    template <class T>
    T field() {
        T value{};
        const std::span<const std::byte> from = take(sizeof(T));
        if (from.size() == sizeof(T)) std::memcpy(&value, from.data(), sizeof(T));
        return value;
    }
    std::span<const std::byte> take(std::uint64_t bytes) {
        if (bytes > rest_.size()) {
            failed_ = true;
            rest_ = {};
            return {};
        }
        const std::span<const std::byte> taken = rest_.first(bytes);
        rest_ = rest_.subspan(bytes);
        return taken;
    }
    [[nodiscard]] std::uint64_t left() const { return rest_.size(); }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    std::span<const std::byte> rest_;
    bool failed_ = false;
};

class Parser {
  public:
    Parser(std::span<const std::byte> bytes, std::string_view name) : in_(bytes), name_(name) {}

    Result<SavedCache> parse() {
        const auto layers = in_.field<std::uint32_t>(), sequences = in_.field<std::uint32_t>();
        if (sequences > kMaxCacheSequences) return wrong("it has {} sequences", sequences);
        for (std::uint32_t i = 0; i < layers; i++) TUFF_CHECK(layer());
        for (std::uint32_t i = 0; i < sequences; i++) TUFF_CHECK(sequence());
        for (const auto& tokens : cache_.sequences)
            for (const SavedLayer& layer : cache_.layers)
                for (std::size_t part = 0; part < layer.parts; part++)
                    TUFF_CHECK(rows(layer, part, tokens.size()));
        if (in_.left() > 0) return wrong("{} bytes follow its end", in_.left());
        return std::move(cache_);
    }

  private:
    template <class... Args>
    std::unexpected<Error> wrong(fmt::format_string<Args...> text, Args... args) const {
        return fail(ErrorCode::malformed, "{}: not a saved KV cache: {}", name_,
                    fmt::vformat(fmt::string_view(text), fmt::make_format_args(args...)));
    }
    Result<void> whole() const {
        if (in_.failed()) return wrong("it ends too early");
        return {};
    }

    Result<SavedSide> side() {
        const std::span<const std::byte> text = in_.take(kNameBytes);
        const auto rotation = in_.field<std::uint32_t>(), head_dim = in_.field<std::uint32_t>();
        TUFF_CHECK(whole());
        if (head_dim == 0) return SavedSide{};
        const std::string_view padded(reinterpret_cast<const char*>(text.data()), text.size());
        const CacheFormat* format = find_cache_format(padded.substr(0, padded.find('\0')));
        if (format == nullptr || !format->check(head_dim)) return wrong("a format is unknown");
        if (rotation > static_cast<std::uint32_t>(Rotation::signed_hadamard))
            return wrong("rotation {} is unknown", rotation);
        return SavedSide{format, static_cast<Rotation>(rotation), head_dim};
    }

    Result<void> layer() {
        constexpr std::uint32_t kMaxHeads = 65536;
        SavedLayer layer;
        layer.kv_heads = in_.field<std::uint32_t>();
        layer.window = in_.field<std::uint64_t>();
        layer.parts = in_.field<std::uint32_t>();
        TUFF_TRY(k, side());
        TUFF_TRY(v, side());
        layer.k = k;
        layer.v = v;
        if (layer.kv_heads > kMaxHeads || layer.parts > kCacheParts)
            return wrong("a layer has {} KV heads in {} parts", layer.kv_heads, layer.parts);
        cache_.layers.push_back(layer);
        return {};
    }

    Result<void> sequence() {
        const auto tokens = in_.field<std::uint64_t>();
        if (tokens > in_.left() / sizeof(std::int32_t)) return wrong("it ends too early");
        std::vector<std::int32_t>& positions = cache_.sequences.emplace_back(tokens);
        for (std::int32_t& position : positions) position = in_.field<std::int32_t>();
        if (std::ranges::adjacent_find(positions, std::ranges::greater_equal{}) != positions.end())
            return wrong("positions do not ascend");
        if (!positions.empty() && positions.front() < 0) return wrong("a position is negative");
        return {};
    }

    Result<void> rows(const SavedLayer& layer, std::size_t part, std::uint64_t tokens) {
        SavedRows rows;
        rows.begin = in_.field<std::uint64_t>();
        rows.end = in_.field<std::uint64_t>();
        if (rows.begin > rows.end || rows.end > tokens)
            return wrong("tokens {} to {} of {}", rows.begin, rows.end, tokens);
        const std::uint64_t count = (rows.end - rows.begin) * layer.kv_heads;  // both below 2^32 and 2^17
        for (const auto& [side, out] : {std::pair(&layer.k, &rows.k), std::pair(&layer.v, &rows.v)}) {
            const std::uint64_t row = side->row_bytes(part);
            if (row > 0 && count > in_.left() / row) return wrong("it ends too early");
            *out = in_.take(count * row);
        }
        TUFF_CHECK(whole());
        cache_.rows.push_back(rows);
        return {};
    }

    Reader in_;
    std::string_view name_;
    SavedCache cache_;
};

template <class T>
void append(std::string& text, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof value);
    text.append(bytes, sizeof value);
}
void append(std::string& text, std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::uint64_t SavedSide::row_bytes(std::size_t part) const {
    if (format == nullptr) return 0;
    return part_format(*format, part).row_bytes(head_dim);
}

std::uint64_t saved_cache_checksum(std::span<const std::byte> bytes) {
    static const std::array<std::uint64_t, 256> kTable = [] {
        std::array<std::uint64_t, 256> table{};
        for (std::uint64_t i = 0; i < table.size(); i++) {
            std::uint64_t crc = i;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xc96c5795d7870f42U : 0);
            table[i] = crc;
        }
        return table;
    }();
    std::uint64_t crc = ~std::uint64_t{0};
    for (const std::byte byte : bytes)
        crc = kTable[(crc ^ std::to_integer<std::uint64_t>(byte)) & 255] ^ (crc >> 8);
    return ~crc;
}

Result<SavedCache> SavedCache::parse(std::span<const std::byte> bytes, std::string_view name) {
    if (bytes.size() < kMagic.size() + kCrcBytes ||
        std::memcmp(bytes.data(), kMagic.data(), kMagic.size() - 2) != 0)
        return fail(ErrorCode::malformed, "{}: not a saved KV cache", name);
    if (std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
        return fail(ErrorCode::malformed, "{}: a KV cache saved in another version of the format", name);
    const std::span<const std::byte> content = bytes.first(bytes.size() - kCrcBytes);
    if (saved_cache_checksum(content) != load<std::uint64_t>(bytes.data() + content.size()))
        return fail(ErrorCode::malformed, "{}: damaged: its checksum is another", name);
    return Parser(content.subspan(kMagic.size()), name).parse();
}

std::string SavedCache::text() const {
    std::string text(kMagic);
    append(text, static_cast<std::uint32_t>(layers.size()));
    append(text, static_cast<std::uint32_t>(sequences.size()));
    for (const SavedLayer& layer : layers) {
        append(text, layer.kv_heads);
        append(text, layer.window);
        append(text, layer.parts);
        for (const SavedSide* side : {&layer.k, &layer.v}) {
            std::string padded(side->format != nullptr ? side->format->name : "");
            padded.resize(kNameBytes, '\0');
            text += padded;
            append(text, static_cast<std::uint32_t>(side->rotation));
            append(text, side->head_dim);
        }
    }
    for (const auto& positions : sequences) {
        append(text, std::uint64_t{positions.size()});
        append(text, std::as_bytes(std::span(positions)));
    }
    for (const SavedRows& part : rows) {
        append(text, part.begin);
        append(text, part.end);
        append(text, part.k);
        append(text, part.v);
    }
    append(text, saved_cache_checksum(std::as_bytes(std::span(text))));
    return text;
}

}  // namespace tuff
