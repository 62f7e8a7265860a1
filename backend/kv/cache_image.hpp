// One part of one side of a layer's cache, in host memory.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/attention/cache_layout.hpp"
#include "host/transfer.hpp"

namespace tuff {

class CacheImage {
  public:
    // All zeros, as a cache is made.
    explicit CacheImage(const CacheLayout& layout) : layout_(&layout), bytes_(layout.bytes()) {}

    static Result<CacheImage> read(host::Device& device, const CacheLayout& layout,
                                   const host::Buffer& buffer) {
        CacheImage image(layout);
        TUFF_CHECK(host::readback(device, buffer, 0, image.bytes_));
        return image;
    }

    // A row as encode_row writes it.
    [[nodiscard]] std::vector<std::byte> row(std::uint32_t kv_head, std::uint32_t cell) const {
        std::vector<std::byte> row(layout_->row().bytes());
        layout_->unpack(kv_head, cell, 1, bytes_, row);
        return row;
    }
    void put(std::uint32_t kv_head, std::uint32_t cell, std::span<const std::byte> row) {
        layout_->pack(kv_head, cell, 1, row, bytes_);
    }

    Result<void> write(host::Device& device, host::Buffer& buffer) const {
        return host::upload(device, buffer, 0, bytes_);
    }

  private:
    const CacheLayout* layout_;
    std::vector<std::byte> bytes_;
};

}  // namespace tuff
