// What the tensors of a model take, type by type.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/types.hpp"

namespace tuff {

struct TypeTotal {
    const TypeInfo* type = nullptr;
    std::uint64_t tensors = 0, elements = 0, bytes = 0;
};

// Those of one type added up, by falling bytes. Sums end at 2^64 - 1.
[[nodiscard]] std::vector<TypeTotal> sum_by_type(std::span<const TypeTotal> tensors);

// "q4_k 3.2 GiB, q6_k 1.2 GiB"
[[nodiscard]] std::string bytes_by_type(std::span<const TypeTotal> totals);

}  // namespace tuff
