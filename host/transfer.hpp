// Moves bytes between the host and buffers: in place where the host sees the memory, through a staging ring
// where it does not. All functions block until the bytes are where they belong. No submitted work may use the
// range meanwhile.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "host/device.hpp"
#include "host/memory.hpp"

namespace tuff::host {

// Writes `data` at byte `offset`. usage: the range is not within the buffer.
Result<void> upload(Device& device, Buffer& buffer, std::uint64_t offset, std::span<const std::byte> data);

// Writes one chunk: bytes [at, at + chunk.size()) of the upload. The memory may be write-combined: write it
// in order, do not read it.
using FillChunk = std::function<void(std::uint64_t at, std::span<std::byte> chunk)>;

// Calls `fill` for chunk after chunk in order until `bytes` are written, so that a repack writes straight to
// where the device reads. Every chunk starts at a multiple of `granule` and, but for the last, is a multiple
// of it long.
Result<void> upload(Device& device, Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                    const FillChunk& fill, std::uint64_t granule = 1);

// Copies bytes from `offset` on into `out`.
Result<void> readback(Device& device, const Buffer& buffer, std::uint64_t offset, std::span<std::byte> out);

// Sets `bytes` bytes to copies of `word`; offset and bytes are multiples of 4.
Result<void> fill(Device& device, Buffer& buffer, std::uint64_t offset, std::uint64_t bytes,
                  std::uint32_t word);

}  // namespace tuff::host
