#include "backend/type_totals.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "host/bytes.hpp"

namespace tuff {

std::vector<TypeTotal> sum_by_type(std::span<const TypeTotal> tensors) {
    using host::plus_saturating;
    std::vector<TypeTotal> totals;
    for (const TypeTotal& one : tensors) {
        auto total = std::ranges::find(totals, one.type, &TypeTotal::type);
        if (total == totals.end()) total = totals.insert(total, TypeTotal{one.type});
        total->tensors += one.tensors;
        total->elements = plus_saturating(total->elements, one.elements);
        total->bytes = plus_saturating(total->bytes, one.bytes);
    }
    std::ranges::stable_sort(totals, std::ranges::greater{}, &TypeTotal::bytes);
    return totals;
}

std::string bytes_by_type(std::span<const TypeTotal> totals) {
    std::vector<std::string> parts;
    for (const TypeTotal& one : totals)
        parts.push_back(fmt::format("{} {}", one.type->name, host::bytes_text(one.bytes)));
    return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace tuff
