#include "backend/interleave.hpp"

#include <cstring>
#include <utility>

#include "backend/clones.hpp"

namespace tuff {
namespace {

using Rows = std::array<const std::byte*, kInterleavedRows>;

constexpr std::size_t kVectorBytes = 16;
template <class Element>
using Vector __attribute__((vector_size(kVectorBytes))) = Element;

// The lower or upper halves of two vectors, element by element in turn.
template <bool Upper, class V, std::size_t... I>
TUFF_INLINE V zip(V a, V b, std::index_sequence<I...> /*elements*/) {
    constexpr std::size_t n = sizeof...(I);
    return __builtin_shufflevector(a, b, ((Upper ? n / 2 : 0) + I / 2 + I % 2 * n)...);
}

// Interleaving the first half of all elements with the second rotates the bits of their indices; after three
// times the three bits of the row are the lowest ones.
template <class Element>
TUFF_INLINE void interleave_vectors(const Rows& rows, std::uint64_t at, std::byte* out) {
    constexpr auto elements = std::make_index_sequence<kVectorBytes / sizeof(Element)>();
    using V = Vector<Element>;
    V now[kInterleavedRows], next[kInterleavedRows];
    for (std::size_t r = 0; r < kInterleavedRows; r++) std::memcpy(&now[r], rows[r] + at, sizeof(V));
    for (int round = 0; round < 3; round++) {
        for (std::size_t i = 0; i < 4; i++) {
            next[2 * i] = zip<false>(now[i], now[i + 4], elements);
            next[2 * i + 1] = zip<true>(now[i], now[i + 4], elements);
        }
        std::memcpy(now, next, sizeof now);
    }
    std::memcpy(out + at * kInterleavedRows, now, sizeof now);
}

template <class Element>
TUFF_INLINE void interleave_rows(const Rows& rows, std::uint64_t bytes, std::byte* out) {
    std::uint64_t at = 0;
    for (; at + kVectorBytes <= bytes; at += kVectorBytes) interleave_vectors<Element>(rows, at, out);
    for (; at < bytes; at += sizeof(Element))
        for (std::size_t r = 0; r < kInterleavedRows; r++)
            std::memcpy(out + at * kInterleavedRows + r * sizeof(Element), rows[r] + at, sizeof(Element));
}

}  // namespace

void interleave(std::size_t granule, const Rows& rows, std::uint64_t bytes, std::byte* out) {
    switch (granule) {
        case 1:
            return interleave_rows<std::uint8_t>(rows, bytes, out);
        case 2:
            return interleave_rows<std::uint16_t>(rows, bytes, out);
        default:
            return interleave_rows<std::uint32_t>(rows, bytes, out);
    }
}

}  // namespace tuff
