// Weight matrices in device memory.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backend/layout.hpp"
#include "host/device.hpp"

namespace tuff {

// A range of whole matrices, or of rows of one matrix, that is arranged by itself in one buffer.
struct ShardRange {
    std::uint64_t first_batch = 0, batches = 0;
    std::uint64_t first_row = 0, rows = 0;
    friend bool operator==(const ShardRange&, const ShardRange&) = default;
};

// Cuts a stack of matrices into shards of at most `max_bytes` (0: no limit): as many whole matrices as fit,
// or else rows, in multiples of 8. `usage` as matrix_bytes; out_of_device_memory: eight rows alone are beyond
// the limit.
Result<std::vector<ShardRange>> shard(const Format& format, Layout layout, const MatrixShape& shape,
                                      std::uint64_t max_bytes);

// Bytes of a shard's buffer; for a range that shard() gave.
std::uint64_t shard_bytes(const Format& format, Layout layout, const MatrixShape& shape,
                          const ShardRange& range);

// A stack of weight matrices on a device, in as few buffers as its limits allow: one, unless it is larger
// than a buffer of that device can be. Move-only.
struct Weights {
    struct Shard {
        ShardRange range;
        host::Buffer buffer;
    };

    const Format* format = nullptr;
    Layout layout{};
    MatrixShape shape;
    std::vector<Shard> shards;

    // Room for a stack, its contents undefined. usage: an impossible shape; the errors of
    // host::Device::allocate.
    static Result<Weights> allocate(host::Device& device, const Format& format, Layout layout,
                                    const MatrixShape& shape, std::string_view label);

    // A stack that lies, or is going to, at byte `offset` of a buffer (host::Buffer::part).
    static Result<Weights> within(const host::Buffer& image, std::uint64_t offset, const Format& format,
                                  Layout layout, const MatrixShape& shape);

    // Arranges GGUF blocks (shape.batches * shape.rows rows, dense) on all CPU threads on their way to the
    // device. `usage`: an impossible shape, or fewer bytes than it needs; out_of_device_memory and
    // device_lost as host::Device::allocate.
    static Result<Weights> upload(host::Device& device, const Format& format, Layout layout,
                                  const MatrixShape& shape, std::span<const std::byte> blocks,
                                  std::string_view label);

    // The same weights once more, copied on the device.
    Result<Weights> clone(host::Device& device, std::string_view label) const;

    // The GGUF blocks again, bit for bit; `blocks` holds exactly the stack.
    Result<void> download(host::Device& device, std::span<std::byte> blocks) const;

    // usage: it is not a stack of this format, layout and shape, or has no bytes, as one that was moved from.
    [[nodiscard]] Result<void> check(std::string_view format_name, Layout in,
                                     const MatrixShape& matrices) const;

    // On the device, padding included.
    [[nodiscard]] std::uint64_t bytes() const;
};

}  // namespace tuff
