// Walsh-Hadamard rotations of heads: they spread what a few channels carry over all of them, so that few bits
// suffice, and leave products of rows rotated alike as they were.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace tuff {

// hadamard        y = H x, H = H_n of each block of n values in turn, normalized: its own inverse
// signed_hadamard y = H D x, D a fixed diagonal of signs: what a row has in common with a Walsh function, as
//                 a constant offset has, is spread too; the inverse is D H
enum class Rotation : std::uint32_t { none = 0, hadamard = 1, signed_hadamard = 2 };
[[nodiscard]] std::string_view rotation_name(Rotation rotation);

// Values of a block: the largest power of two that divides the head size, so 128 of 128, 64 of 192, 16 of 80.
[[nodiscard]] constexpr std::uint32_t hadamard_block(std::uint32_t head_dim) {
    return head_dim & (~head_dim + 1);
}

// The sign that D gives value `i` of a head: fixed, from a hash of i.
[[nodiscard]] float rotation_sign(std::uint32_t i);

// Rotates a head, or undoes it. Butterflies in float32, from neighbours up, then one product with 1 /
// sqrt(n): what a device repeats bit by bit.
void rotate(Rotation rotation, std::span<float> head);
void unrotate(Rotation rotation, std::span<float> head);

}  // namespace tuff
