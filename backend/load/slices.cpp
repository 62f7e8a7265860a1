#include "backend/load/slices.hpp"

#include <algorithm>

namespace tuff {

Slices cut(std::span<const LoadTask> tasks, std::uint64_t slice_bytes) {
    Slices slices;
    for (std::size_t t = 0; t < tasks.size(); t++) {
        const Weights& w = *tasks[t].to;
        const std::uint64_t row = *matrix_bytes(*w.format, Layout::blocks, {1, w.shape.elements, 1});
        const std::uint64_t tile = *matrix_bytes(*w.format, w.layout, {kLaneRows, w.shape.elements, 1});
        const std::uint64_t rows_at_once =
            std::max<std::uint64_t>(slice_bytes / std::max(tile, row * kLaneRows), 1) * kLaneRows;
        for (std::size_t s = 0; s < w.shards.size(); s++) {
            const ShardRange& range = w.shards[s].range;
            for (std::uint64_t b = 0; b < range.batches; b++)
                for (std::uint64_t r = 0; r < range.rows; r += rows_at_once) {
                    const std::uint64_t rows = std::min(rows_at_once, range.rows - r);
                    const std::uint64_t first = (range.first_batch + b) * w.shape.rows + range.first_row + r;
                    slices.all.push_back({t, s, b, r, rows, tasks[t].offset + first * row, rows * row});
                    slices.bytes += rows * row;
                    slices.most_bytes = std::max(slices.most_bytes, rows * row);
                    if (!w.shards[s].buffer.in_place())
                        slices.most_staged =
                            std::max(slices.most_staged,
                                     *matrix_bytes(*w.format, w.layout, {rows, w.shape.elements, 1}));
                }
        }
    }
    return slices;
}

}  // namespace tuff
