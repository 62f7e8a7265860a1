// XXH64, the 64-bit checksum of the xxHash family (specification: github.com/Cyan4973/xxHash/blob/dev/doc/
// xxhash_spec.md), of bytes that come in pieces. llama.cpp's gguf-hash prints the same per tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tuff {

class Xxh64 {
  public:
    void add(std::span<const std::byte> bytes);
    [[nodiscard]] std::uint64_t value() const;  // of everything added so far

  private:
    static constexpr std::size_t kStripe = 32;
    void stripe(const std::byte* bytes);

    std::array<std::uint64_t, 4> lanes_{0x60EA27EEADC0B5D6, 0xC2B2AE3D27D4EB4F, 0,
                                        0x61C8864E7A143579};  // seed 0
    std::array<std::byte, kStripe> rest_{};
    std::uint64_t length_ = 0;
};

}  // namespace tuff
