// A KV cache on a device: layers x KV heads x positions in cache formats, for several sequences.
//
// A batch is announced by begin(), which gives its tokens positions and cells; then record_append() and
// attention over segments() can run for every layer, from streams recorded once: what changes from batch to
// batch is in device memory. What is already in the cache is edited through host memory: remove, copy and
// shift read the rows concerned, move or re-encode them, and write them back; none of them is meant for every
// token.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/kv/append.hpp"
#include "backend/kv/cache_cells.hpp"
#include "backend/kv/cache_size.hpp"
#include "backend/kv/saved_cache.hpp"
#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff {

// Tokens that follow what a sequence holds.
struct CacheBatch {
    std::uint32_t sequence = 0;
    std::uint32_t tokens = 0;
};

// A part of a layer's cache that attention reads, in one softmax with the others. `spans` is a CacheSpan for
// each sequence of the batch; it may be of no cells.
struct CacheSegment {
    const CacheFormat* k_format = nullptr;
    const CacheFormat* v_format =
        nullptr;  // nullptr: V is a part of K, which then lies as V does (CachePlace::shared)
    Operand k, v, spans;
    std::uint64_t capacity = 0;  // cells per KV head
    std::uint64_t cells = 0;     // that a sequence may have in it
};

// Used by one thread at a time; the device must outlive it. Move-only.
class KvCache {
  public:
    // Allocates and clears what cache_size says. `usage` as there; out_of_device_memory says how many
    // positions would fit.
    static Result<KvCache> make(host::Device& device, CacheKind kind, std::span<const CacheLayer> layers,
                                const CacheOptions& options);

    [[nodiscard]] const CacheSize& size() const { return size_; }
    [[nodiscard]] std::uint32_t sequences() const { return options_.sequences; }
    [[nodiscard]] CacheKind kind() const { return kind_; }
    // What its buffers take, tables included.
    [[nodiscard]] std::uint64_t device_bytes() const;
    // Rotary positions of a sequence's tokens, ascending. Empty for a sequence that was never appended to.
    [[nodiscard]] std::span<const std::int32_t> positions(std::uint32_t sequence) const;
    // How many more tokens a sequence can take.
    [[nodiscard]] std::uint64_t room(std::uint32_t sequence) const;

    // Gives the tokens of a batch cells and the positions after the sequence's last; they are in the cache
    // once record_append's stream has run. `usage`, the cache unchanged: no such sequence, one named twice,
    // more tokens in all than CacheOptions::batch, more than a sequence has room for, or positions beyond
    // int32, which shift() can lead to.
    Result<void> begin(std::span<const CacheBatch> batch);
    // int32 for each token of the batch, in its order: for record_rotate_heads of Q.
    [[nodiscard]] Operand batch_positions() const { return {&positions_buffer_, 0}; }

    // Appends rows of K and V for the batch's tokens, in its order, to `stream`; v.tokens is 0 where V is not
    // kept. rope.positions is ignored: positions are the batch's. The errors of record_kv_append; `usage`: no
    // such layer.
    Result<void> record_append(host::Stream& stream, std::uint32_t layer, const HeadRows& k,
                               const HeadRows& v, const RopeOperands& rope);
    // What attention of the layer reads, for the sequences of the batch.
    [[nodiscard]] std::vector<CacheSegment> segments(std::uint32_t layer) const;

    // Edits of what is in the cache. After an error of the device the sequence that was to change is empty:
    // some of its layers may be changed already.

    // Forgets the tokens at positions [first, end) of a sequence; later ones keep their positions. `usage`,
    // the cache unchanged: no such sequence, or sliding-window layers would lack a part of their window.
    Result<void> remove(std::uint32_t sequence, std::int32_t first, std::int32_t end);
    // Makes sequence `to` what `from` is. `usage`: no such sequence.
    Result<void> copy(std::uint32_t from, std::uint32_t to);
    // Adds delta to the positions in [first, end), turning K of each layer by its rope (nullptr: its K has no
    // rotary positions) and encoding it anew. `usage`, the cache unchanged: no such sequence, another number
    // of ropes than layers, or positions that would no longer ascend from 0 on or be beyond int32.
    Result<void> shift(std::uint32_t sequence, std::int32_t first, std::int32_t end, std::int32_t delta,
                       std::span<const Rope* const> ropes);
    void clear(std::uint32_t sequence);

    // Everything that is in the cache, in a file that is replaced at once, and back. A saved cache fits any
    // with the same layers, formats, rotations and parts and enough room, on any device. `io`; `malformed`:
    // no saved cache, another version, or a bit that is not what it was; `usage`: another shape. After these
    // errors the cache is what it was; after one of the device, met while restoring, every sequence is empty.
    Result<void> save(const std::string& path) const;
    Result<void> restore(const std::string& path);

  private:
    struct Side {
        const CacheFormat* format = nullptr;  // of the body; nullptr: not kept
        Rotation rotation{};
        std::uint32_t head_dim = 0;
        std::vector<CacheLayout> layouts;  // of each part, as far as the layer has it
        std::vector<host::Buffer> buffers;
    };
    struct Layer {
        std::size_t group = 0;
        std::uint32_t kv_heads = 0;
        Side k, v;
    };
    // Layers with the same regions share cells and spans.
    struct Group {
        std::uint64_t window = 0;
        std::vector<CacheRegions> parts;  // body, or all three
        std::vector<host::Buffer> cells, spans;
        std::vector<std::vector<std::uint64_t>> from;  // [part][sequence]: rings hold tokens from here on
    };
    struct Move;

    KvCache() = default;
    Result<void> allocate();
    Result<void> allocate_group(const CacheLayerSize& first);  // of the layers in it
    Result<void> upload_batch(std::span<const CacheBatch> batch);
    Result<void> check_sequence(std::uint32_t sequence) const;
    // The tokens a part holds of a sequence of `length` tokens.
    struct Held {
        std::uint64_t begin = 0, end = 0;
    };
    [[nodiscard]] Held held(const Group& group, std::size_t part, std::uint32_t sequence) const;
    // After an error the sequence moved to is empty.
    Result<void> apply(const Move& move);
    Result<void> move_layers(const Move& move);
    Result<void> move_rows(const Layer& layer, Side& side, const Move& move, const Rope* rope);

    [[nodiscard]] std::vector<SavedLayer> shape() const;
    [[nodiscard]] Result<void> check_fits(const SavedCache& saved, const std::string& name) const;
    Result<void> put(const SavedCache& saved);  // into a cache that it fits

    host::Device* device_ = nullptr;
    CacheKind kind_{};
    CacheOptions options_;
    CacheSize size_;
    std::vector<Group> groups_;
    std::vector<Layer> layers_;
    std::vector<std::vector<std::int32_t>> sequences_;
    host::Buffer positions_buffer_;
};

}  // namespace tuff
