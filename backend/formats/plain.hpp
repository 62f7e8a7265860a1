// What the formats without blocks share: a chunk is 32 elements, one plane, nothing to take apart.
#pragma once

#include <cstring>

#include "backend/format.hpp"

namespace tuff {

// Whether a type is one of them: f32, f16 or bf16. Its elements stand alone, and hold infinities and NaNs.
[[nodiscard]] constexpr bool is_plain(const TypeInfo& type) {
    return type.name == "f32" || type.name == "f16" || type.name == "bf16";
}

}  // namespace tuff

namespace tuff::plain {

template <std::uint32_t Bytes>
inline constexpr Plane planes[] = {{kGroupElements, kGroupElements* Bytes, Bytes}};

template <std::uint32_t Bytes>
void split(const std::byte* chunk, std::byte* const* out) {
    std::memcpy(out[0], chunk, kGroupElements * Bytes);
}

template <std::uint32_t Bytes>
void join(const std::byte* const* in, std::byte* chunk) {
    std::memcpy(chunk, in[0], kGroupElements * Bytes);
}

template <std::uint32_t Bytes>
inline constexpr PlaneSet plane_set{planes<Bytes>, split<Bytes>, join<Bytes>};

}  // namespace tuff::plain
