// bf16: the upper half of an IEEE binary32.
#include "backend/formats/plain.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i++)
        values[i] = bfloat16_to_float(load<std::uint16_t>(blocks + i * 2));
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store(block, float_to_bfloat16(scale));
}

}  // namespace

extern const Format format_bf16;
const Format format_bf16{
    "bf16", 30, kGroupElements, decode, nullptr, plain::plane_set<2>, plain::plane_set<2>, set_scales};

}  // namespace tuff
