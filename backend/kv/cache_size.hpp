// What a KV cache will take, before anything is allocated: which format each side of each layer gets, in how
// many cells, and exactly how many bytes. A pure function, so that a plan made without a device is what a
// cache made later does.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/arithmetic.hpp"
#include "backend/kv/cache_format.hpp"
#include "backend/kv/rotation.hpp"

namespace tuff {

// A layer of a model as its cache sees it.
struct CacheLayer {
    std::uint32_t kv_heads = 0;  // 0: it keeps nothing
    std::uint32_t k_dim = 0;     // values of a head
    std::uint32_t v_dim = 0;     // 0: V is a part of K (MLA) and not kept by itself
    std::uint64_t window = 0;    // positions that a sliding-window layer looks back, its own included; 0: all
    bool k_bias = false;         // its K projection has a bias (Qwen2)
};

struct CacheSideOptions {
    const CacheFormat* format = nullptr;    // nullptr: f16
    std::optional<Rotation> rotation = {};  // nothing: hadamard where the format rotates
};

// Replaces the options of one side of layers [first, last].
struct CacheOverride {
    std::uint32_t first = 0, last = 0;
    CacheSide side{};
    CacheSideOptions options;
};

inline constexpr std::uint32_t kMaxCacheSequences = 64;

struct CacheOptions {
    std::uint64_t positions = 4096;  // of all sequences together, who share them equally
    std::uint32_t sequences = 1;     // at once, at most kMaxCacheSequences
    std::uint64_t batch = 512;       // tokens appended at once, at most
    // The first and the last positions of a sequence, kept in f16 beside quantized sides of layers that look
    // back to the start. Where either is asked for there are both, of 8 at least.
    std::uint64_t sinks = 0;
    std::uint64_t recent = 0;
    CacheSideOptions k, v;
    std::vector<CacheOverride> overrides;  // later ones win
    // Whether layers whose K has a bias keep it in 8 bits, rotated: a constant offset that turns with the
    // position costs low-bit formats their accuracy (llama.cpp #21385), and rotation alone does not help.
    bool guard_k_bias = true;

    // Positions that a sequence has.
    [[nodiscard]] std::uint64_t share() const { return ceil_div(positions, sequences); }
};

struct CacheSideSize {
    const CacheFormat* format = nullptr;  // nullptr: this side is not kept
    Rotation rotation{};                  // of every part
    std::uint32_t head_dim = 0;
    std::uint64_t bytes[kCacheParts] = {};  // as CacheLayout::bytes()

    [[nodiscard]] std::uint64_t total() const { return bytes[0] + bytes[1] + bytes[2]; }
};

struct CacheLayerSize {
    std::uint32_t kv_heads = 0;
    std::uint64_t window = 0;
    std::size_t group = 0;                  // of layers with the same window and parts
    std::uint64_t cells[kCacheParts] = {};  // per KV head: for each sequence as many, in whole tiles of 8
    CacheSideSize k, v;

    [[nodiscard]] std::size_t parts() const { return kv_heads == 0 ? 0 : cells[1] > 0 ? kCacheParts : 1; }
    // Whether a part keeps only the last tokens of a sequence, and goes round.
    [[nodiscard]] bool ring(std::size_t part) const {
        return part == static_cast<std::size_t>(CachePart::recent) || (part == 0 && window > 0);
    }
};

// Of a part: a ring may go round.
inline constexpr std::size_t kCacheSpans = 2;

// Buffers that tell kernels where the tokens of a batch are. Bytes of each one.
struct CacheTables {
    std::uint64_t positions = 0;  // one of all
    std::uint64_t cells = 0;      // one of each part of each group of layers
    std::uint64_t spans = 0;      // as many
};

struct CacheSize {
    std::vector<CacheLayerSize> layers;
    std::vector<std::size_t> group_parts;  // of each group of layers
    CacheTables tables;
    // What was decided otherwise than asked, in sentences for the user.
    std::vector<std::string> notes;

    [[nodiscard]] std::uint64_t bytes() const;  // without tables
    [[nodiscard]] std::uint64_t k_bytes() const;
    [[nodiscard]] std::uint64_t v_bytes() const;
    // Of every buffer that a cache allocates, tables included.
    [[nodiscard]] std::vector<std::uint64_t> buffers() const;
};

// `usage`: no layers, a size of 0, a head that a format does not take (CacheFormat::check), an override for
// layers that do not exist, more sequences than kMaxCacheSequences, more positions than 2^31, or a window
// beyond kMaxWindow.
[[nodiscard]] Result<CacheSize> cache_size(std::span<const CacheLayer> layers, const CacheOptions& options);

// The most positions, `options` being otherwise the same, whose cache takes at most `bytes`; 0: none. The
// errors of cache_size.
[[nodiscard]] Result<std::uint64_t> cache_positions_in(std::span<const CacheLayer> layers,
                                                       const CacheOptions& options, std::uint64_t bytes);

// As cache_size, with out_of_device_memory where it takes more than `free_bytes`: the message says how many
// positions would fit.
[[nodiscard]] Result<CacheSize> cache_size_within(std::span<const CacheLayer> layers,
                                                  const CacheOptions& options, std::uint64_t free_bytes);

}  // namespace tuff
