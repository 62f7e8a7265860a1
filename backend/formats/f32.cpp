// f32: IEEE binary32.
#include "backend/formats/plain.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    std::memcpy(values, blocks, elements * sizeof(float));
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store(block, scale);
}

}  // namespace

extern const Format format_f32;
const Format format_f32{
    "f32", 0, kGroupElements, decode, nullptr, plain::plane_set<4>, plain::plane_set<4>, set_scales};

}  // namespace tuff
