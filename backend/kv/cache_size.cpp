#include "backend/kv/cache_size.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "backend/kv/cache_cells.hpp"

namespace tuff {
namespace {

constexpr std::uint64_t kMaxPositions = std::uint64_t{1} << 31;

Result<void> check(std::span<const CacheLayer> layers, const CacheOptions& options) {
    if (layers.empty()) return fail(ErrorCode::usage, "a KV cache of no layers");
    if (options.positions == 0 || options.batch == 0 || options.sequences == 0)
        return fail(ErrorCode::usage,
                    "a KV cache of {} positions, {} sequences and batches of {} holds nothing",
                    options.positions, options.sequences, options.batch);
    if (options.sequences > kMaxCacheSequences)
        return fail(ErrorCode::usage, "{} sequences in a KV cache that has at most {}", options.sequences,
                    kMaxCacheSequences);
    for (const std::uint64_t count : {options.positions, options.batch, options.sinks, options.recent})
        if (count > kMaxPositions)
            return fail(ErrorCode::usage, "{} positions are beyond the limit of 2^31", count);
    for (std::size_t i = 0; i < layers.size(); i++)
        if (layers[i].window > kMaxWindow)
            return fail(ErrorCode::usage, "layer {} has a window of {} positions; the limit is {}", i,
                        layers[i].window, kMaxWindow);
    for (const CacheOverride& override : options.overrides)
        if (override.first > override.last || override.last >= layers.size())
            return fail(ErrorCode::usage, "cache formats for layers {} to {} of a model with {} layers",
                        override.first, override.last, layers.size());
    return {};
}

CacheSideOptions side_options(const CacheOptions& options, std::size_t layer, CacheSide side) {
    CacheSideOptions chosen = side == CacheSide::k ? options.k : options.v;
    for (const CacheOverride& override : options.overrides)
        if (override.side == side && override.first <= layer && layer <= override.last)
            chosen = override.options;
    if (chosen.format == nullptr) chosen.format = find_cache_format("f16");
    return chosen;
}

// Whether a K bias rules the format out.
bool guarded(const CacheFormat& format) {
    return format.quantized() && format.bits < 8;
}

Result<CacheSideSize> side_size(const CacheSideOptions& options, CacheSide side, std::uint32_t head_dim,
                                const CacheLayerSize& layer) {
    CacheSideSize size;
    if (head_dim == 0) return size;
    TUFF_CHECK(options.format->check(head_dim));
    size.format = options.format;
    size.rotation = options.rotation.value_or(options.format->rotates ? Rotation::hadamard : Rotation::none);
    size.head_dim = head_dim;
    for (std::size_t part = 0; part < kCacheParts; part++) {
        if (layer.cells[part] == 0) continue;
        const CacheFormat& format = part_format(*options.format, part);
        // The kind of layout changes where bytes lie, not how many there are.
        TUFF_TRY(layout, CacheLayout::make(CacheKind::wide, side, format.row(head_dim), layer.kv_heads,
                                           layer.cells[part]));
        size.bytes[part] = layout.bytes();
    }
    return size;
}

// What each part needs for every sequence.
void set_cells(CacheLayerSize& layer, const CacheOptions& options, bool quantized) {
    const auto tiles = [](std::uint64_t cells) { return round_up(cells, kTilePositions); };
    const std::uint64_t share = tiles(options.share());
    // A ring holds what is looked back to, the batch that is being appended, and the rest of a tile.
    const auto ring = [&](std::uint64_t back) {
        return std::min(share, tiles(back + options.batch) + kTilePositions);
    };
    layer.cells[0] = options.sequences * (layer.window == 0 ? share : ring(layer.window));
    if (!quantized || layer.window > 0 || options.sinks + options.recent == 0) return;
    layer.cells[1] =
        options.sequences * std::min(share, tiles(std::max<std::uint64_t>(options.sinks, kTilePositions)));
    layer.cells[2] = options.sequences * ring(std::max<std::uint64_t>(options.recent, kTilePositions));
}

// Groups of layers, numbered in the order of their first layers.
void set_groups(CacheSize& size) {
    std::vector<std::uint64_t> windows;
    for (CacheLayerSize& layer : size.layers) {
        layer.group = 0;
        while (layer.group < windows.size() &&
               (windows[layer.group] != layer.window || size.group_parts[layer.group] != layer.parts()))
            layer.group++;
        if (layer.group < windows.size()) continue;
        windows.push_back(layer.window);
        size.group_parts.push_back(layer.parts());
    }
}

// "0-3, 7" of ascending numbers.
std::string ranges(std::span<const std::size_t> numbers) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t end = i;
        while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) end++;
        texts.push_back(i == end ? fmt::format("{}", numbers[i])
                                 : fmt::format("{}-{}", numbers[i], numbers[end]));
        i = end + 1;
    }
    return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::uint64_t CacheSize::k_bytes() const {
    std::uint64_t sum = 0;
    for (const CacheLayerSize& layer : layers) sum += layer.k.total();
    return sum;
}

std::uint64_t CacheSize::v_bytes() const {
    std::uint64_t sum = 0;
    for (const CacheLayerSize& layer : layers) sum += layer.v.total();
    return sum;
}

std::uint64_t CacheSize::bytes() const {
    return k_bytes() + v_bytes();
}

std::vector<std::uint64_t> CacheSize::buffers() const {
    std::vector<std::uint64_t> all{tables.positions};
    for (const std::size_t parts : group_parts)
        for (std::size_t part = 0; part < parts; part++) all.insert(all.end(), {tables.cells, tables.spans});
    for (const CacheLayerSize& layer : layers)
        for (const CacheSideSize* side : {&layer.k, &layer.v})
            for (const std::uint64_t bytes : side->bytes)
                if (bytes > 0) all.push_back(bytes);
    return all;
}

Result<CacheSize> cache_size(std::span<const CacheLayer> layers, const CacheOptions& options) {
    TUFF_CHECK(check(layers, options));
    CacheSize size;
    std::vector<std::size_t> with_guard;
    for (std::size_t i = 0; i < layers.size(); i++) {
        const CacheLayer& layer = layers[i];
        CacheLayerSize& out = size.layers.emplace_back();
        if (layer.kv_heads == 0) continue;
        if (layer.k_dim == 0) return fail(ErrorCode::usage, "layer {} has KV heads of no values", i);
        out.kv_heads = layer.kv_heads;
        out.window = layer.window;
        CacheSideOptions k = side_options(options, i, CacheSide::k);
        const CacheSideOptions v = side_options(options, i, CacheSide::v);
        if (layer.k_bias && options.guard_k_bias && guarded(*k.format)) {
            with_guard.push_back(i);
            k = {find_cache_format("kv8"), Rotation::hadamard};
        }
        const bool quantized = k.format->quantized() || (layer.v_dim > 0 && v.format->quantized());
        set_cells(out, options, quantized);
        TUFF_TRY(k_size, side_size(k, CacheSide::k, layer.k_dim, out));
        TUFF_TRY(v_size, side_size(v, CacheSide::v, layer.v_dim, out));
        out.k = k_size;
        out.v = v_size;
    }
    set_groups(size);
    size.tables = {options.batch * sizeof(std::int32_t), options.batch * sizeof(std::uint32_t),
                   kCacheSpans * options.sequences * sizeof(CacheSpan)};
    if (!with_guard.empty())
        size.notes.push_back(fmt::format(
            "K of layers {} has a bias and is kept in kv8: fewer bits would lose it", ranges(with_guard)));
    return size;
}

Result<std::uint64_t> cache_positions_in(std::span<const CacheLayer> layers, const CacheOptions& options,
                                         std::uint64_t bytes) {
    TUFF_CHECK(cache_size(layers, options));
    CacheOptions trial = options;
    std::uint64_t fits = 0, too_many = kMaxPositions + 1;
    while (too_many - fits > 1) {
        trial.positions = fits + (too_many - fits) / 2;
        const Result<CacheSize> size = cache_size(layers, trial);
        (size && size->bytes() <= bytes ? fits : too_many) = trial.positions;
    }
    return fits;
}

Result<CacheSize> cache_size_within(std::span<const CacheLayer> layers, const CacheOptions& options,
                                    std::uint64_t free_bytes) {
    TUFF_TRY(size, cache_size(layers, options));
    if (size.bytes() <= free_bytes) return size;
    TUFF_TRY(positions, cache_positions_in(layers, options, free_bytes));
    return fail(ErrorCode::out_of_device_memory,
                "a KV cache of {} positions takes {} bytes of {}; {} positions would fit", options.positions,
                size.bytes(), free_bytes, positions);
}

}  // namespace tuff
