#include "tools/types_table.hpp"

#include <vector>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/text.hpp"

namespace tuff::tools {

std::string types_table(std::span<const TypeTotal> totals) {
    double all = 0;
    for (const TypeTotal& total : totals) all += static_cast<double>(total.bytes);
    std::vector<std::vector<std::string>> rows = {{"type", "tensors", "parameters", "bytes", "share"}};
    for (const TypeTotal& total : totals) {
        const double share = all > 0 ? 100 * static_cast<double>(total.bytes) / all : 0;
        rows.push_back({std::string(total.type->name), grouped(total.tensors), grouped(total.elements),
                        grouped(total.bytes), fmt::format("{:.1f} %", share)});
    }
    return table(rows, {0});
}

nlohmann::ordered_json types_json(std::span<const TypeTotal> totals) {
    auto types = nlohmann::ordered_json::array();
    for (const TypeTotal& total : totals)
        types.push_back({{"type", total.type->name},
                         {"tensors", total.tensors},
                         {"parameters", total.elements},
                         {"bytes", total.bytes}});
    return types;
}

}  // namespace tuff::tools
