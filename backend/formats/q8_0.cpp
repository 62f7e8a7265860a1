// q8_0: blocks of 32, half d then 32 signed bytes; value = d * code.
#include <cstring>

#include "backend/format.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 34;
constexpr Plane planes[] = {{32, 32, 1}, {32, 2, 2}};  // codes, d

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i += 32, blocks += kBytes) {
        const float d = load_half(blocks);
        for (int k = 0; k < 32; k++)
            values[i + k] = static_cast<float>(load<std::int8_t>(blocks + 2 + k)) * d;
    }
}

void split(const std::byte* block, std::byte* const* out) {
    std::memcpy(out[0], block + 2, 32);
    std::memcpy(out[1], block, 2);
}

void join(const std::byte* const* in, std::byte* block) {
    std::memcpy(block + 2, in[0], 32);
    std::memcpy(block, in[1], 2);
}

constexpr PlaneSet plane_set{planes, split, join};

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_q8_0;
const Format format_q8_0{"q8_0", 8, 32, decode, nullptr, plane_set, plane_set, set_scales};

}  // namespace tuff
