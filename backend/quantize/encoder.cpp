#include "backend/quantize/encoder.hpp"

#include <algorithm>
#include <iterator>

namespace tuff {

#define TUFF_ENCODER(name) extern const Encoder encoder_##name;
#include "backend/quantize/encoders.inc"
#undef TUFF_ENCODER

namespace {

constexpr const Encoder* all[] = {
#define TUFF_ENCODER(name) &encoder_##name,
#include "backend/quantize/encoders.inc"
#undef TUFF_ENCODER
};

}  // namespace

std::span<const Encoder* const> encoders() {
    return all;
}

const Encoder* find_encoder(std::uint32_t type_id) {
    const auto* found = std::ranges::find(all, type_id, &Encoder::type_id);
    return found == std::end(all) ? nullptr : *found;
}

const Encoder* find_encoder(std::string_view type_name) {
    const TypeInfo* type = find_type(type_name);
    return type == nullptr ? nullptr : find_encoder(type->id);
}

}  // namespace tuff
