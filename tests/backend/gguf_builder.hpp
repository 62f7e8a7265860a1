// Writes GGUF files into memory for tests, right or wrong as asked: nothing is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "backend/gguf_value.hpp"

namespace tuff::test {

class GgufBuilder {
  public:
    template <class T>
    requires std::is_arithmetic_v<T> GgufBuilder& put(T value) {
        const auto* from = reinterpret_cast<const std::byte*>(&value);
        bytes_.insert(bytes_.end(), from, from + sizeof value);
        return *this;
    }
    GgufBuilder& text(std::string_view value) {
        const auto* from = reinterpret_cast<const std::byte*>(value.data());
        put(std::uint64_t{value.size()});
        bytes_.insert(bytes_.end(), from, from + value.size());
        return *this;
    }
    GgufBuilder& header(std::uint64_t tensors, std::uint64_t keys) {
        for (const char c : {'G', 'G', 'U', 'F'}) put(c);
        return put(std::uint32_t{3}).put(tensors).put(keys);
    }
    GgufBuilder& key(std::string_view name, GgufType type) {
        return text(name).put(static_cast<std::uint32_t>(type));
    }
    GgufBuilder& tensor(std::string_view name, std::span<const std::uint64_t> dims, std::uint32_t type,
                        std::uint64_t offset) {
        text(name).put(static_cast<std::uint32_t>(dims.size()));
        for (const std::uint64_t dim : dims) put(dim);
        return put(type).put(offset);
    }
    GgufBuilder& zeros(std::size_t count) {
        bytes_.resize(bytes_.size() + count);
        return *this;
    }
    GgufBuilder& pad(std::size_t alignment = 32) {
        return zeros((alignment - bytes_.size() % alignment) % alignment);
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

}  // namespace tuff::test
