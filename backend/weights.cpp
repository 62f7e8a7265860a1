#include "backend/weights.hpp"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "host/stream.hpp"
#include "host/transfer.hpp"

namespace tuff {
namespace {

MatrixShape shape_of(const ShardRange& range, std::uint64_t elements) {
    return {range.rows, elements, range.batches};
}

// The bytes of a range in the file's blocks.
struct Extent {
    std::uint64_t offset, bytes;
};

Extent extent(const Format& format, const MatrixShape& whole, const ShardRange& range) {
    const std::uint64_t row = *matrix_bytes(format, Layout::blocks, {1, whole.elements, 1});
    return {(range.first_batch * whole.rows + range.first_row) * row, range.batches * range.rows * row};
}

}  // namespace

Result<std::vector<ShardRange>> shard(const Format& format, Layout layout, const MatrixShape& shape,
                                      std::uint64_t max_bytes) {
    TUFF_TRY(matrix, matrix_bytes(format, layout, shape));
    const std::uint64_t most = max_bytes > 0 ? max_bytes : std::numeric_limits<std::uint64_t>::max();
    std::vector<ShardRange> shards;
    if (matrix <= most) {
        const std::uint64_t batches = most / matrix;
        for (std::uint64_t b = 0; b < shape.batches; b += batches)
            shards.push_back({b, std::min(batches, shape.batches - b), 0, shape.rows});
        return shards;
    }
    const std::uint64_t tile = *matrix_bytes(format, layout, {kLaneRows, shape.elements, 1});
    const std::uint64_t rows = most / tile * kLaneRows;
    if (rows == 0)
        return fail(ErrorCode::out_of_device_memory,
                    "{} rows of {} {} weights take {} bytes; this device's buffers hold {}", kLaneRows,
                    shape.elements, format.name, tile, most);
    for (std::uint64_t b = 0; b < shape.batches; b++)
        for (std::uint64_t row = 0; row < shape.rows; row += rows)
            shards.push_back({b, 1, row, std::min(rows, shape.rows - row)});
    return shards;
}

std::uint64_t shard_bytes(const Format& format, Layout layout, const MatrixShape& shape,
                          const ShardRange& range) {
    return *matrix_bytes(format, layout, shape_of(range, shape.elements)) * range.batches;
}

Result<Weights> Weights::allocate(host::Device& device, const Format& format, Layout layout,
                                  const MatrixShape& shape, std::string_view label) {
    TUFF_TRY(ranges, shard(format, layout, shape, host::largest_buffer_bytes(device.snapshot())));
    Weights weights{&format, layout, shape, {}};
    for (const ShardRange& range : ranges) {
        TUFF_TRY(buffer,
                 device.allocate(host::Intent::weights, shard_bytes(format, layout, shape, range), label));
        weights.shards.push_back({range, std::move(buffer)});
    }
    return weights;
}

Result<Weights> Weights::within(const host::Buffer& image, std::uint64_t offset, const Format& format,
                                Layout layout, const MatrixShape& shape) {
    TUFF_TRY(matrix, matrix_bytes(format, layout, shape));
    TUFF_TRY(part, image.part(offset, matrix * shape.batches));
    Weights weights{&format, layout, shape, {}};
    weights.shards.push_back({{0, shape.batches, 0, shape.rows}, std::move(part)});
    return weights;
}

Result<Weights> Weights::upload(host::Device& device, const Format& format, Layout layout,
                                const MatrixShape& shape, std::span<const std::byte> blocks,
                                std::string_view label) {
    TUFF_TRY(in_file, matrix_bytes(format, Layout::blocks, shape));
    if (blocks.size() < in_file * shape.batches)
        return fail(ErrorCode::usage, "{}: {} bytes of {} weights where {} x {} x {} need {}", label,
                    blocks.size(), format.name, shape.elements, shape.rows, shape.batches,
                    in_file * shape.batches);
    TUFF_TRY(weights, allocate(device, format, layout, shape, label));
    const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::byte> arranged;
    for (Shard& to : weights.shards) {
        const MatrixShape part = shape_of(to.range, shape.elements);
        const std::uint64_t matrix = *matrix_bytes(format, layout, part);
        const std::byte* source = blocks.data() + extent(format, shape, to.range).offset;
        if (to.buffer.in_place()) {
            arrange(format, layout, part, source, to.buffer.mapped(), threads);
            continue;
        }
        // A matrix at a time through host memory: its planes are scattered, a staging chunk is not.
        arranged.resize(matrix);
        for (std::uint64_t b = 0; b < part.batches; b++) {
            arrange(format, layout, {part.rows, part.elements, 1}, source + b * in_file, arranged, threads);
            TUFF_CHECK(host::upload(device, to.buffer, b * matrix, arranged));
        }
    }
    return std::move(weights);
}

Result<Weights> Weights::clone(host::Device& device, std::string_view label) const {
    Weights copy{format, layout, shape, {}};
    host::Stream stream(device, label);
    for (const Shard& from : shards) {
        TUFF_TRY(buffer, device.allocate(host::Intent::weights, from.buffer.size(), label));
        copy.shards.push_back({from.range, std::move(buffer)});
    }
    for (std::size_t i = 0; i < shards.size(); i++)
        TUFF_CHECK(stream.copy(shards[i].buffer, 0, copy.shards[i].buffer, 0, shards[i].buffer.size()));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    return copy;
}

Result<void> Weights::download(host::Device& device, std::span<std::byte> blocks) const {
    TUFF_TRY(in_file, matrix_bytes(*format, Layout::blocks, shape));
    if (blocks.size() != in_file * shape.batches)
        return fail(ErrorCode::usage, "{} bytes for weights of {}", blocks.size(), in_file * shape.batches);
    std::vector<std::byte> arranged;
    for (const Shard& from : shards) {
        arranged.resize(from.buffer.size());
        TUFF_CHECK(host::readback(device, from.buffer, 0, arranged));
        restore(*format, layout, shape_of(from.range, shape.elements), arranged,
                blocks.data() + extent(*format, shape, from.range).offset);
    }
    return {};
}

Result<void> Weights::check(std::string_view format_name, Layout in, const MatrixShape& matrices) const {
    if (shards.empty())
        return fail(ErrorCode::usage, "weights of no bytes, where the plan has {}", format_name);
    if (format->name != format_name || layout != in || shape != matrices)
        return fail(ErrorCode::usage, "the weights are not of the plan's format, layout or shape");
    return {};
}

std::uint64_t Weights::bytes() const {
    std::uint64_t sum = 0;
    for (const Shard& part : shards) sum += part.buffer.size();
    return sum;
}

}  // namespace tuff
