// f16: IEEE binary16.
#include "backend/formats/plain.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    for (std::uint64_t i = 0; i < elements; i++) values[i] = load_half(blocks + i * 2);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block, scale);
}

}  // namespace

extern const Format format_f16;
const Format format_f16{
    "f16", 1, kGroupElements, decode, nullptr, plain::plane_set<2>, plain::plane_set<2>, set_scales};

}  // namespace tuff
