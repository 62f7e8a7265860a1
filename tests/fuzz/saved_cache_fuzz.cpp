// Any bytes as a saved KV cache, as they are and with a checksum that is right: refused with a message, or
// everything in it can be looked at and written again.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "backend/kv/saved_cache.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using tuff::fuzz::require;
using tuff::fuzz::touch_ends;

void check(std::span<const std::byte> bytes) {
    const auto cache = tuff::SavedCache::parse(bytes, "input.kv");
    if (!cache) {
        require(cache.error().message.starts_with("input.kv: "));
        return;
    }
    for (const tuff::SavedRows& rows : cache->rows) {
        require(rows.begin <= rows.end);
        touch_ends(rows.k);
        touch_ends(rows.v);
    }
    const std::string text = cache->text();
    require(tuff::SavedCache::parse(std::as_bytes(std::span(text)), "again").has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    check(bytes);
    if (size < 8) return 0;
    std::vector<std::byte> summed(bytes.begin(), bytes.end());
    const std::uint64_t sum = tuff::saved_cache_checksum(std::span(summed).first(size - 8));
    std::memcpy(summed.data() + size - 8, &sum, sizeof sum);
    check(summed);
    return 0;
}
