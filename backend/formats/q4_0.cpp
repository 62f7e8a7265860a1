// q4_0: blocks of 32, half d then 16 bytes of nibbles (element i low, i + 16 high); value = d * (code - 8).
#include <cmath>
#include <cstring>

#include "backend/format.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 18;
constexpr Plane planes[] = {{32, 16, 1}, {32, 2, 2}};  // codes, d

int code(const std::byte* block, int i) {
    const auto byte = load<std::uint8_t>(block + 2 + i % 16);
    return i < 16 ? byte & 15 : byte >> 4;
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int k = 0; k < 32; k++) values[i + k] = static_cast<float>(code(blocks, k) - 8) * d;
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks));
        for (int k = 0; k < 32; k++) magnitudes[i + k] = static_cast<float>(code(blocks, k) + 8) * d;
    }
}

void split(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + 2, 16);
    std::memcpy(out[1], block, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memcpy(block + 2, in[0], 16);
    std::memcpy(block, in[1], 2);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_q4_0;
const Format format_q4_0{"q4_0", 2, 32, decode, magnitude, plane_set, plane_set, set_scales};

}  // namespace tuff
