// `tuff inspect --compare A B`.
#include "backend/quantize/compare.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <thread>

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "backend/printable.hpp"
#include "tools/inspect.hpp"
#include "tools/text.hpp"

namespace tuff::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) {
    return std::isnan(value) ? "-" : fmt::format("{:.4g}", value);
}

std::string percent(double value) {
    return std::isnan(value) ? "-" : fmt::format("{:.3f} %", 100 * value);
}

std::string cosine_text(double value) {
    return std::isnan(value) ? "-" : fmt::format("{:.6f}", value);
}

std::string_view state_text(TensorComparison::State state) {
    using enum TensorComparison::State;
    switch (state) {
        case compared:
            return "compared";
        case shapes_differ:
            return "shapes differ";
        case same_bytes:
            return "same bytes";
        case different_bytes:
            return "different bytes";
    }
    return "";
}

// Where element `at` is: its indices, the place in the row first.
std::string indices(const GgufTensor& tensor, std::uint64_t at) {
    std::vector<std::uint64_t> place;
    for (std::uint32_t i = 0; i < std::max(tensor.n_dims, 1u); i++) {
        place.push_back(at % tensor.dims[i]);
        at /= tensor.dims[i];
    }
    return fmt::format("[{}]", fmt::join(place, ", "));
}

void list_missing(std::string& out, std::string_view file, const std::vector<const GgufTensor*>& tensors) {
    if (tensors.empty()) return;
    fmt::format_to(std::back_inserter(out), "\nonly in {}\n", file);
    for (const GgufTensor* tensor : tensors)
        fmt::format_to(std::back_inserter(out), "  {}\n", printable(tensor->name));
}

Json error_json(const ErrorSums& error) {
    return {{"rmse", error.rmse()},
            {"relative_rmse", error.relative_rmse()},
            {"cosine", error.cosine()},
            {"worst", {{"element", error.worst_at}, {"a", error.worst_a}, {"b", error.worst_b}}}};
}

Json names_json(const std::vector<const GgufTensor*>& tensors) {
    Json names = Json::array();
    for (const GgufTensor* tensor : tensors) names.push_back(std::string(tensor->name));
    return names;
}

}  // namespace

FileComparison compare(const GgufFile& a, const GgufFile& b) {
    return compare_files(a, b, std::max(1u, std::thread::hardware_concurrency()));
}

std::string compare_text(const GgufFile& a, const GgufFile& b, const FileComparison& comparison) {
    std::string out = fmt::format("a  {}\nb  {}\n\n", a.name(), b.name());
    std::vector<std::vector<std::string>> rows = {
        {"tensor", "a", "b", "rmse", "relative", "cosine", "worst", "a there", "b there"}};
    for (const TensorComparison& tensor : comparison.tensors) {
        const ErrorSums& error = tensor.error;
        const bool compared = tensor.state == TensorComparison::State::compared && error.elements > 0;
        rows.push_back(
            {printable(tensor.a->name), std::string(tensor.a->type->name), std::string(tensor.b->type->name),
             compared ? number(error.rmse()) : std::string(state_text(tensor.state)),
             compared ? percent(error.relative_rmse()) : "-", compared ? cosine_text(error.cosine()) : "-",
             compared ? indices(*tensor.a, error.worst_at) : "-",
             compared ? fmt::format("{}", error.worst_a) : "-",
             compared ? fmt::format("{}", error.worst_b) : "-"});
    }
    out += table(rows, {0, 1, 2});
    const ErrorSums& total = comparison.total;
    if (total.elements > 0) {
        const TensorComparison& worst = comparison.tensors[comparison.worst];
        fmt::format_to(std::back_inserter(out),
                       "\n{} elements: rmse {}, relative {}, cosine {}; worst in {}, {}: {} and {}\n",
                       grouped(total.elements), number(total.rmse()), percent(total.relative_rmse()),
                       cosine_text(total.cosine()), printable(worst.a->name),
                       indices(*worst.a, worst.error.worst_at), worst.error.worst_a, worst.error.worst_b);
    }
    list_missing(out, a.name(), comparison.only_a);
    list_missing(out, b.name(), comparison.only_b);
    return out;
}

std::string compare_json(const GgufFile& a, const GgufFile& b, const FileComparison& comparison) {
    Json root = {{"a", a.name()}, {"b", b.name()}, {"tensors", Json::array()}};
    for (const TensorComparison& tensor : comparison.tensors) {
        Json row = {{"name", std::string(tensor.a->name)},
                    {"type_a", tensor.a->type->name},
                    {"type_b", tensor.b->type->name},
                    {"state", state_text(tensor.state)}};
        if (tensor.state == TensorComparison::State::compared && tensor.error.elements > 0)
            row.update(error_json(tensor.error));
        root["tensors"].push_back(std::move(row));
    }
    if (comparison.total.elements > 0) {
        const TensorComparison& worst = comparison.tensors[comparison.worst];
        root["total"] = error_json(comparison.total);
        root["total"]["worst"] = error_json(worst.error)["worst"];
        root["total"]["worst"]["tensor"] = std::string(worst.a->name);
    }
    root["only_in_a"] = names_json(comparison.only_a);
    root["only_in_b"] = names_json(comparison.only_b);
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace tuff::tools
