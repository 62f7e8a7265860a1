#include "backend/kv/rotation.hpp"

#include <cmath>

namespace tuff {
namespace {

void transform(std::span<float> head) {
    const std::size_t n = hadamard_block(static_cast<std::uint32_t>(head.size()));
    for (std::size_t stride = 1; stride < n; stride *= 2)
        for (std::size_t i = 0; i < head.size(); i++) {
            if ((i & stride) != 0) continue;
            const float a = head[i], b = head[i + stride];
            head[i] = a + b;
            head[i + stride] = a - b;
        }
    const float unit = 1 / std::sqrt(static_cast<float>(n));
    for (float& value : head) value *= unit;
}

void apply_signs(std::span<float> head) {
    for (std::size_t i = 0; i < head.size(); i++) head[i] *= rotation_sign(static_cast<std::uint32_t>(i));
}

}  // namespace

std::string_view rotation_name(Rotation rotation) {
    switch (rotation) {
        case Rotation::none:
            return "none";
        case Rotation::hadamard:
            return "hadamard";
        case Rotation::signed_hadamard:
            return "signed_hadamard";
    }
    return "";
}

float rotation_sign(std::uint32_t i) {
    // A hash of the index (Wellons' lowbias32) decides.
    std::uint32_t mixed = i + 1;
    mixed = (mixed ^ (mixed >> 16)) * 0x7feb352dU;
    mixed = (mixed ^ (mixed >> 15)) * 0x846ca68bU;
    return ((mixed ^ (mixed >> 16)) & 1U) != 0 ? -1.0F : 1.0F;
}

void rotate(Rotation rotation, std::span<float> head) {
    if (rotation == Rotation::signed_hadamard) apply_signs(head);
    if (rotation != Rotation::none) transform(head);
}

void unrotate(Rotation rotation, std::span<float> head) {
    if (rotation != Rotation::none) transform(head);
    if (rotation == Rotation::signed_hadamard) apply_signs(head);
}

}  // namespace tuff
