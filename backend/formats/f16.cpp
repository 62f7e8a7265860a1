// f16: IEEE binary16.
#include "backend/formats/plain.hpp"
#include "backend/half.hpp"
#include "backend/quantize/lanes.hpp"

namespace tuff {
namespace {

TUFF_CLONES void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    std::uint64_t i = 0;
    for (; i + 8 <= elements; i += 8) lanes::store8(values + i, lanes::widened8(blocks + i * 2));
    for (; i < elements; i++) values[i] = load_half(blocks + i * 2);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_f16;
const Format format_f16{
    "f16", 1, kGroupElements, decode, nullptr, plain::plane_set<2>, plain::plane_set<2>, set_scales};

}  // namespace tuff
