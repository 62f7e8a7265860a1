// f32, f16, bf16: nothing but rounding.
#include "backend/quantize/encoder.hpp"
#include "backend/quantize/lanes.hpp"

namespace tuff {
namespace {

void encode_f32(const float* row, std::uint64_t elements, const float* /*importance*/, std::byte* blocks) {
    std::memcpy(blocks, row, elements * sizeof(float));
}

TUFF_CLONES void encode_f16(const float* row, std::uint64_t elements, const float* /*importance*/,
                            std::byte* blocks) {
    for (std::uint64_t i = 0; i < elements; i++) store_half(blocks + i * 2, row[i]);
}

TUFF_CLONES void encode_bf16(const float* row, std::uint64_t elements, const float* /*importance*/,
                             std::byte* blocks) {
    std::uint64_t i = 0;
    for (; i + 8 <= elements; i += 8) lanes::store_bfloats(blocks + i * 2, lanes::load8(row + i));
    for (; i < elements; i++) store(blocks + i * 2, float_to_bfloat16(row[i]));
}

}  // namespace

extern const Encoder encoder_f32, encoder_f16, encoder_bf16;
const Encoder encoder_f32{0, Importance::ignored, encode_f32};
const Encoder encoder_f16{1, Importance::ignored, encode_f16, 65504.0f};
const Encoder encoder_bf16{30, Importance::ignored, encode_bf16, 0x1.fep127f};

}  // namespace tuff
