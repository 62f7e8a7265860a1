#include "bench/case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace tuff::bench {
namespace {

constexpr std::array kOps{Op::matvec,   Op::matmul,    Op::matmul_id, Op::get_rows, Op::convert,
                          Op::quantize, Op::attention, Op::copy,      Op::fma,      Op::transfer};

// Calls take(name) for each part; false from it means the name is unknown.
template <class Take>
Result<void> for_each_name(std::string_view names, std::string_view what, const std::string& choices,
                           const Take& take) {
    for (const std::string_view name : split_names(names))
        if (!take(name)) return fail(ErrorCode::usage, "unknown {} '{}'; there are: {}", what, name, choices);
    return {};
}

template <class T>
void add_once(std::vector<T>& list, T item) {
    if (std::ranges::find(list, item) == list.end()) list.push_back(item);
}

template <class Range, class Name>
std::string choices(const Range& range, const Name& name) {
    std::vector<std::string_view> names;
    for (const auto& item : range) names.push_back(name(item));
    return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

std::string_view op_name(Op op) {
    switch (op) {
        case Op::matvec:
            return "matvec";
        case Op::matmul:
            return "matmul";
        case Op::matmul_id:
            return "matmul_id";
        case Op::get_rows:
            return "get_rows";
        case Op::convert:
            return "convert";
        case Op::quantize:
            return "quantize";
        case Op::attention:
            return "attention";
        case Op::copy:
            return "copy";
        case Op::fma:
            return "fma";
        case Op::transfer:
            return "transfer";
    }
    return "";
}

std::span<const Op> all_ops() {
    return kOps;
}

std::string_view status_name(Status status) {
    switch (status) {
        case Status::pass:
            return "pass";
        case Status::fail:
            return "fail";
        case Status::unsupported:
            return "unsupported";
    }
    return "";
}

std::vector<std::string_view> split_names(std::string_view names) {
    std::vector<std::string_view> all;
    for (std::size_t at = 0; !names.empty() && at <= names.size();) {
        const std::size_t comma = std::min(names.find(',', at), names.size());
        all.push_back(names.substr(at, comma - at));
        at = comma + 1;
    }
    return all;
}

Result<std::vector<Op>> parse_ops(std::string_view names) {
    std::vector<Op> ops;
    TUFF_CHECK(for_each_name(names, "op", choices(kOps, op_name), [&](std::string_view name) {
        const auto* found = std::ranges::find(kOps, name, op_name);
        if (found == kOps.end()) return false;
        add_once(ops, *found);
        return true;
    }));
    return ops;
}

Result<std::vector<const Format*>> parse_formats(std::string_view names) {
    std::vector<const Format*> list;
    TUFF_CHECK(for_each_name(names, "format", format_names(), [&](std::string_view name) {
        const Format* found = find_format(name);
        if (found) add_once(list, found);
        return found != nullptr;
    }));
    return list;
}

Result<std::vector<const CacheFormat*>> parse_cache_formats(std::string_view names) {
    std::vector<const CacheFormat*> list;
    for (const std::string_view name : split_names(names)) {
        TUFF_TRY(format, require_cache_format(name));
        list.push_back(format);
    }
    return list;
}

Result<std::vector<MatmulAlgorithm>> parse_algorithms(std::string_view names) {
    const auto all = all_matmul_algorithms();
    std::vector<MatmulAlgorithm> list;
    TUFF_CHECK(for_each_name(names, "algorithm", algorithm_names(), [&](std::string_view name) {
        const auto found = std::ranges::find(all, name, algorithm_name);
        if (found != all.end()) add_once(list, *found);
        return found != all.end();
    }));
    return list;
}

std::string algorithm_names() {
    return choices(all_matmul_algorithms(), algorithm_name);
}

std::string format_text(const CaseResult& result) {
    return result.format ? std::string(result.format->name) : result.formats;
}

std::string shape_text(const CaseResult& result) {
    return result.sizes.empty() ? shape_text(result.shape) : result.sizes;
}

std::string shape_text(const MatmulShape& shape) {
    if (shape.m == 0) return "";
    std::string text = fmt::format("{}x{}x{}", shape.m, shape.n, shape.k);
    if (shape.batches > 1) text += fmt::format("x{}", shape.batches);
    if (shape.batches != shape.w_batches) text += fmt::format("/{}", shape.w_batches);
    return text;
}

}  // namespace tuff::bench
