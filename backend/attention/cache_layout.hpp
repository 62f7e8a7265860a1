// Where the rows of a KV cache lie in device memory. A row is what one token leaves for one KV head on one
// side (K or V), encoded in a cache format. The layout is a pure function of how the format cuts a row, of
// the number of KV heads, of the capacity, and of the kind of kernels that will read it:
//
//   lanes  tiles of 8 positions, plane after plane in each tile. K: the positions are interleaved granule by
//          granule, so that eight neighbouring loads are one value of eight positions (lanes = positions). V:
//          the rows follow each other, so that they are eight values of one position (lanes = values of the
//          head). [kv head][tile][plane]...
//   wide   plane after plane over the whole side, rows one after the other: neighbouring invocations read
//          neighbouring words, and codes are 16-byte aligned wherever a row of them is a multiple of 16
//          bytes. [plane][kv head][position]
//
// Neither holds padding, but for the capacity, which is rounded up to whole tiles.
//
// Memory that others lay out (ggml's strided tensors of GGUF blocks) is described by StridedRows instead.
#pragma once

#include <tuff/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tuff {

inline constexpr std::uint32_t kTilePositions = 8;
inline constexpr std::size_t kMaxCachePlanes = 4;

// One kind of bytes of a row: its low code bits, its high code bits, its scales, ...
struct CachePlane {
    std::uint32_t row_bytes = 0;  // of one row
    std::uint32_t granule = 1;    // bytes of one loadable piece: 1, 2 or 4
    friend bool operator==(const CachePlane&, const CachePlane&) = default;
};

// How a format cuts a row of a certain head size. On the host an encoded row is its planes one after the
// other.
struct CacheRow {
    std::array<CachePlane, kMaxCachePlanes> planes{};
    std::uint32_t plane_count = 0;

    [[nodiscard]] std::uint32_t bytes() const;  // of a row, all planes
    friend bool operator==(const CacheRow&, const CacheRow&) = default;
};

enum class CacheSide { k, v };
enum class CacheKind { lanes, wide };
[[nodiscard]] std::string_view cache_kind_name(CacheKind kind);

// Where the granules of one plane lie: granule i of the row of position p of a KV head is at byte
//   begin + head * head_stride + p / 8 * tile_stride + p % 8 * position_stride + i * granule_stride.
struct PlacedPlane {
    std::uint64_t begin = 0, head_stride = 0, tile_stride = 0, position_stride = 0, granule_stride = 0;
    std::uint32_t granule = 1;   // bytes
    std::uint32_t granules = 0;  // of a row
    friend bool operator==(const PlacedPlane&, const PlacedPlane&) = default;
};

class CacheLayout {
  public:
    // `capacity`: positions per KV head. usage: a row, KV heads or capacity of 0, a granule that is not 1, 2
    // or 4 bytes or does not divide its plane, or a side beyond 2^40 bytes.
    static Result<CacheLayout> make(CacheKind kind, CacheSide side, const CacheRow& row,
                                    std::uint32_t kv_heads, std::uint64_t capacity);

    [[nodiscard]] CacheKind kind() const { return kind_; }
    [[nodiscard]] CacheSide side() const { return side_; }
    [[nodiscard]] const CacheRow& row() const { return row_; }
    [[nodiscard]] std::uint32_t kv_heads() const { return kv_heads_; }
    [[nodiscard]] std::uint64_t capacity() const { return capacity_; }  // in whole tiles
    // Of the side: row bytes * kv_heads * capacity.
    [[nodiscard]] std::uint64_t bytes() const;
    [[nodiscard]] std::span<const PlacedPlane> planes() const { return {placed_.data(), row_.plane_count}; }

    // Places encoded rows (row().bytes() each) of positions [first, first + count) of one KV head into
    // `side`, or takes them out again. For tests, references and saved caches; appending on the device is a
    // kernel's work.
    void pack(std::uint32_t kv_head, std::uint64_t first, std::uint64_t count,
              std::span<const std::byte> rows, std::span<std::byte> side) const;
    void unpack(std::uint32_t kv_head, std::uint64_t first, std::uint64_t count,
                std::span<const std::byte> side, std::span<std::byte> rows) const;

    friend bool operator==(const CacheLayout&, const CacheLayout&) = default;

  private:
    CacheLayout() = default;
    // The byte a granule starts at.
    [[nodiscard]] std::uint64_t at(const PlacedPlane& plane, std::uint32_t kv_head, std::uint64_t position,
                                   std::uint32_t granule) const;

    CacheKind kind_{};
    CacheSide side_{};
    CacheRow row_;
    std::uint32_t kv_heads_ = 0;
    std::uint64_t capacity_ = 0;
    std::array<PlacedPlane, kMaxCachePlanes> placed_{};
};

// Rows in memory that somebody else has laid out: GGUF blocks (or plain numbers), each row contiguous, any
// strides in bytes. ggml's K and V tensors [head size, positions, kv heads, sequences] have strides nb1, nb2,
// nb3.
struct StridedRows {
    std::uint64_t position_stride = 0, head_stride = 0, sequence_stride = 0;
    friend bool operator==(const StridedRows&, const StridedRows&) = default;
};

}  // namespace tuff
