// Taking a block apart by a table: which of its bytes go where in which plane. Both directions come from the
// one table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tuff {

// `count` runs of `bytes` bytes: run i from byte at + i * step of the block to byte to + i * to_step of the
// plane.
struct Piece {
    std::uint32_t at, step;
    std::uint32_t plane, to, to_step;
    std::uint32_t bytes, count;
};

// PlaneSet::split and join of planes that the pieces fill. They are given by value: GCC 14 takes instances
// for references to tables of the same name in different files for one.
template <std::array Pieces>
void split_pieces(const std::byte* block, std::byte* const* out) {
    for (const Piece& p : Pieces)
        for (std::uint32_t i = 0; i < p.count; i++)
            std::memcpy(out[p.plane] + p.to + i * p.to_step, block + p.at + i * p.step, p.bytes);
}

template <std::array Pieces>
void join_pieces(const std::byte* const* in, std::byte* block) {
    for (const Piece& p : Pieces)
        for (std::uint32_t i = 0; i < p.count; i++)
            std::memcpy(block + p.at + i * p.step, in[p.plane] + p.to + i * p.to_step, p.bytes);
}

}  // namespace tuff
