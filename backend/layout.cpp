#include "backend/layout.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "backend/arithmetic.hpp"
#include "backend/interleave.hpp"
#include "backend/parallel.hpp"

namespace tuff {
namespace {

const PlaneSet& plane_set(const Format& format, Layout layout) {
    return layout == Layout::lanes ? format.lanes : format.wide;
}

// Where everything of one matrix stands; all sizes in bytes.
struct Geometry {
    std::uint64_t chunks = 0;                             // per row
    std::uint64_t row_blocks_bytes = 0;                   // of one row in the file
    std::array<std::uint64_t, kMaxPlanes> unit_row{};     // units of one plane and row, without rounding
    std::array<std::uint64_t, kMaxPlanes> stride{};       // planes: per row; lanes: per tile
    std::array<std::uint64_t, kMaxPlanes> plane_begin{};  // planes: in the matrix; lanes: in a tile
    std::uint64_t tile_bytes = 0;                         // lanes
    std::uint64_t matrix_bytes = 0;
};

Geometry geometry(const Format& format, Layout layout, const MatrixShape& shape) {
    const TypeInfo& type = format.type();
    Geometry g;
    g.chunks = ceil_div(shape.elements, format.chunk_elements);
    g.row_blocks_bytes = shape.elements / type.block_elements * type.block_bytes;
    if (layout == Layout::blocks) {
        g.matrix_bytes = g.row_blocks_bytes * shape.rows;
        return g;
    }
    const auto& planes = plane_set(format, layout).planes;
    std::uint64_t at = 0;
    for (std::size_t p = 0; p < planes.size(); p++) {
        g.unit_row[p] = g.chunks * (format.chunk_elements / planes[p].elements) * planes[p].bytes;
        g.stride[p] = round_up(layout == Layout::lanes ? g.unit_row[p] * kLaneRows : g.unit_row[p], 16);
        g.plane_begin[p] = at;
        at += layout == Layout::lanes ? g.stride[p] : g.stride[p] * shape.rows;
    }
    g.tile_bytes = at;
    g.matrix_bytes = layout == Layout::lanes ? at * ceil_div(shape.rows, kLaneRows) : at;
    return g;
}

std::uint64_t chunk_bytes(const Format& format) {
    return std::uint64_t{format.chunk_elements} / format.type().block_elements * format.type().block_bytes;
}

// Chunks of a row taken apart into units of planes, and put together again.
class RowSplitter {
  public:
    RowSplitter(const Format& format, const PlaneSet& set, const Geometry& g)
        : set_(set),
          chunk_bytes_(chunk_bytes(format)),
          row_bytes_(g.row_blocks_bytes),
          padded_(chunk_bytes_) {
        for (std::size_t p = 0; p < set.planes.size(); p++)
            unit_bytes_[p] =
                std::uint64_t{format.chunk_elements} / set.planes[p].elements * set.planes[p].bytes;
    }

    // Of one chunk in a plane.
    [[nodiscard]] std::uint64_t unit_bytes(std::size_t plane) const { return unit_bytes_[plane]; }

    // Chunks [first, end) of the row whose blocks are at `row`, to `out` and what follows.
    void split(const std::byte* row, std::uint64_t first, std::uint64_t end,
               std::array<std::byte*, kMaxPlanes> out) {
        for (std::uint64_t c = first; c < end; c++) {
            const std::byte* chunk = row + c * chunk_bytes_;
            const std::uint64_t left = row_bytes_ - c * chunk_bytes_;
            if (left < chunk_bytes_) {  // only formats without blocks end within a chunk
                std::ranges::fill(padded_, std::byte{0});
                std::memcpy(padded_.data(), chunk, left);
                chunk = padded_.data();
            }
            set_.split(chunk, out.data());
            for (std::size_t p = 0; p < set_.planes.size(); p++) out[p] += unit_bytes_[p];
        }
    }

    // The whole row.
    void join(std::array<const std::byte*, kMaxPlanes> in, std::byte* row) {
        for (std::uint64_t at = 0; at < row_bytes_; at += chunk_bytes_) {
            set_.join(in.data(), padded_.data());
            std::memcpy(row + at, padded_.data(), std::min(row_bytes_ - at, chunk_bytes_));
            for (std::size_t p = 0; p < set_.planes.size(); p++) in[p] += unit_bytes_[p];
        }
    }

  private:
    const PlaneSet& set_;
    std::uint64_t chunk_bytes_, row_bytes_;  // in the file
    std::array<std::uint64_t, kMaxPlanes> unit_bytes_{};
    std::vector<std::byte> padded_;
};

// Rows straight to where they belong.
void arrange_planes(RowSplitter& splitter, const PlaneSet& set, const Geometry& g, std::uint64_t first_row,
                    std::uint64_t rows, const std::byte* blocks, std::byte* out) {
    for (std::uint64_t row = 0; row < rows; row++) {
        std::array<std::byte*, kMaxPlanes> at{};
        for (std::size_t p = 0; p < set.planes.size(); p++) {
            at[p] = out + g.plane_begin[p] + (first_row + row) * g.stride[p];
            std::fill(at[p] + g.unit_row[p], at[p] + g.stride[p], std::byte{0});
        }
        splitter.split(blocks + row * g.row_blocks_bytes, 0, g.chunks, at);
    }
}

// Tiles of eight rows: some chunks of each row are taken apart at a time, so that they are interleaved while
// they are in the nearest cache.
void arrange_lanes(RowSplitter& splitter, const PlaneSet& set, const Geometry& g, std::uint64_t first_row,
                   std::uint64_t rows, const std::byte* blocks, std::byte* out) {
    static_assert(kLaneRows == kInterleavedRows);
    constexpr std::uint64_t kAtOnce = 16384;
    std::uint64_t all_units = 0;
    for (std::size_t p = 0; p < set.planes.size(); p++) all_units += splitter.unit_bytes(p);
    const std::uint64_t some = std::clamp<std::uint64_t>(kAtOnce / (all_units * kLaneRows), 1, g.chunks);
    std::vector<std::byte> apart(all_units * some * kLaneRows);
    std::array<std::array<std::byte*, kMaxPlanes>, kLaneRows> row_at{};
    std::byte* next = apart.data();
    for (auto& planes : row_at)
        for (std::size_t p = 0; p < set.planes.size(); p++) {
            planes[p] = next;
            next += splitter.unit_bytes(p) * some;
        }
    for (std::uint64_t row = 0; row < rows; row += kLaneRows) {
        std::byte* tile = out + (first_row + row) / kLaneRows * g.tile_bytes;
        if (rows - row < kLaneRows) std::ranges::fill(apart, std::byte{0});  // rows there are not
        for (std::uint64_t first = 0; first < g.chunks; first += some) {
            const std::uint64_t end = std::min(first + some, g.chunks);
            for (std::uint64_t r = 0; r < std::min<std::uint64_t>(kLaneRows, rows - row); r++)
                splitter.split(blocks + (row + r) * g.row_blocks_bytes, first, end, row_at[r]);
            for (std::size_t p = 0; p < set.planes.size(); p++) {
                std::array<const std::byte*, kLaneRows> plane{};
                for (std::uint32_t r = 0; r < kLaneRows; r++) plane[r] = row_at[r][p];
                interleave(set.planes[p].granule, plane, (end - first) * splitter.unit_bytes(p),
                           tile + g.plane_begin[p] + first * splitter.unit_bytes(p) * kLaneRows);
            }
        }
        for (std::size_t p = 0; p < set.planes.size(); p++) {
            std::byte* const plane = tile + g.plane_begin[p];
            std::fill(plane + g.unit_row[p] * kLaneRows, plane + g.stride[p], std::byte{0});
        }
    }
}

// Copies `bytes` bytes in granules, stepping from and to by their own strides.
template <std::size_t Granule>
void copy_granules(const std::byte* from, std::size_t from_stride, std::byte* to, std::size_t to_stride,
                   std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < bytes; i += Granule, from += from_stride, to += to_stride)
        std::memcpy(to, from, Granule);
}

void copy_granules(std::size_t granule, const std::byte* from, std::size_t from_stride, std::byte* to,
                   std::size_t to_stride, std::uint64_t bytes) {
    switch (granule) {
        case 1:
            return copy_granules<1>(from, from_stride, to, to_stride, bytes);
        case 2:
            return copy_granules<2>(from, from_stride, to, to_stride, bytes);
        default:
            return copy_granules<4>(from, from_stride, to, to_stride, bytes);
    }
}

}  // namespace

std::string_view layout_name(Layout layout) {
    switch (layout) {
        case Layout::blocks:
            return "blocks";
        case Layout::planes:
            return "planes";
        case Layout::lanes:
            return "lanes";
    }
    return "";
}

Result<std::uint64_t> matrix_bytes(const Format& format, Layout layout, const MatrixShape& shape) {
    constexpr std::uint64_t kMaxDimension = std::uint64_t{1} << 31, kMaxElements = std::uint64_t{1} << 46;
    const TypeInfo& type = format.type();
    if (shape.rows == 0 || shape.elements == 0 || shape.batches == 0)
        return fail(ErrorCode::usage, "a matrix of {} x {} x {} has no elements", shape.elements, shape.rows,
                    shape.batches);
    if (shape.rows > kMaxDimension || shape.elements > kMaxDimension || shape.batches > 65535)
        return fail(ErrorCode::usage, "a matrix of {} x {} x {} is beyond the limits of 2^31 x 2^31 x 65535",
                    shape.elements, shape.rows, shape.batches);
    if (shape.elements % type.block_elements != 0)
        return fail(ErrorCode::usage, "k = {} is not a multiple of {}, the block of {}", shape.elements,
                    type.block_elements, format.name);
    if (shape.elements > kMaxElements / shape.rows / shape.batches)
        return fail(ErrorCode::usage, "a matrix of {} x {} x {} is beyond the limit of 2^46 elements",
                    shape.elements, shape.rows, shape.batches);
    return geometry(format, layout, shape).matrix_bytes;
}

void arrange_rows(const Format& format, Layout layout, const MatrixShape& shape, std::uint64_t first_row,
                  std::uint64_t rows, const std::byte* blocks, std::span<std::byte> out, unsigned threads) {
    const Geometry g = geometry(format, layout, shape);
    const auto arrange_some = [&](std::uint64_t first, std::uint64_t some) {
        const std::byte* from = blocks + first * g.row_blocks_bytes;
        if (layout == Layout::blocks) {
            std::memcpy(out.data() + (first_row + first) * g.row_blocks_bytes, from,
                        some * g.row_blocks_bytes);
            return;
        }
        const PlaneSet& set = plane_set(format, layout);
        RowSplitter splitter(format, set, g);
        const auto arrange_all = layout == Layout::lanes ? arrange_lanes : arrange_planes;
        arrange_all(splitter, set, g, first_row + first, some, from, out.data());
    };
    if (rows == 0) return;
    const std::uint64_t per_thread = round_up(ceil_div(rows, std::max(1u, threads)), kLaneRows);
    in_parallel(ceil_div(rows, per_thread), threads, [&](std::uint64_t job) {
        arrange_some(job * per_thread, std::min(per_thread, rows - job * per_thread));
    });
}

std::vector<RowsPiece> rows_pieces(const Format& format, Layout layout, const MatrixShape& matrix,
                                   std::uint64_t first_row, std::uint64_t rows) {
    const Geometry whole = geometry(format, layout, matrix),
                   part = geometry(format, layout, {rows, matrix.elements, 1});
    if (layout == Layout::blocks) return {{0, first_row * whole.row_blocks_bytes, part.matrix_bytes}};
    if (layout == Layout::lanes) return {{0, first_row / kLaneRows * whole.tile_bytes, part.matrix_bytes}};
    std::vector<RowsPiece> pieces;
    for (std::size_t p = 0; p < plane_set(format, layout).planes.size(); p++)
        pieces.push_back(
            {part.plane_begin[p], whole.plane_begin[p] + first_row * whole.stride[p], rows * part.stride[p]});
    return pieces;
}

void arrange(const Format& format, Layout layout, const MatrixShape& shape, const std::byte* blocks,
             std::span<std::byte> out, unsigned threads) {
    const Geometry g = geometry(format, layout, shape);
    for (std::uint64_t b = 0; b < shape.batches; b++)
        arrange_rows(format, layout, shape, 0, shape.rows, blocks + b * shape.rows * g.row_blocks_bytes,
                     out.subspan(b * g.matrix_bytes, g.matrix_bytes), threads);
}

void restore(const Format& format, Layout layout, const MatrixShape& shape,
             std::span<const std::byte> arranged, std::byte* blocks) {
    const Geometry g = geometry(format, layout, shape);
    if (layout == Layout::blocks) {
        std::ranges::copy(arranged.first(g.matrix_bytes * shape.batches), blocks);
        return;
    }
    const PlaneSet& set = plane_set(format, layout);
    RowSplitter splitter(format, set, g);
    std::array<std::vector<std::byte>, kMaxPlanes> units;  // of one row
    std::array<const std::byte*, kMaxPlanes> from{};
    for (std::size_t p = 0; p < set.planes.size(); p++) {
        units[p].resize(g.unit_row[p]);
        from[p] = units[p].data();
    }
    for (std::uint64_t b = 0; b < shape.batches; b++)
        for (std::uint64_t row = 0; row < shape.rows; row++) {
            const std::byte* matrix = arranged.data() + b * g.matrix_bytes;
            for (std::size_t p = 0; p < set.planes.size(); p++) {
                if (layout == Layout::lanes) {
                    const std::byte* tile = matrix + row / kLaneRows * g.tile_bytes + g.plane_begin[p];
                    const std::size_t granule = set.planes[p].granule;
                    copy_granules(granule, tile + row % kLaneRows * granule, granule * kLaneRows,
                                  units[p].data(), granule, units[p].size());
                } else {
                    std::copy_n(matrix + g.plane_begin[p] + row * g.stride[p], units[p].size(),
                                units[p].data());
                }
            }
            splitter.join(from, blocks + (b * shape.rows + row) * g.row_blocks_bytes);
        }
}

}  // namespace tuff
