// What every fuzz target checks with.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <span>

namespace tuff::fuzz {

// The fuzzer reports an abort with the input that led to it.
inline void require(bool holds) {
    if (!holds) std::abort();
}

// Reads the first and the last byte, so that the sanitizer sees a span that is not all there.
inline void touch_ends(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    const volatile std::byte* const data = bytes.data();
    static_cast<void>(data[0]);
    static_cast<void>(data[bytes.size() - 1]);
}

}  // namespace tuff::fuzz
