#include "bench/rows_cases.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "backend/formats/plain.hpp"

namespace tuff::bench {
namespace {

using Types = std::vector<const TypeInfo*>;

const std::array<const TypeInfo*, 3>& plain_types() {
    static const std::array<const TypeInfo*, 3> all{find_type("f32"), find_type("f16"), find_type("bf16")};
    return all;
}

Types of_names(std::initializer_list<const char*> names) {
    Types types;
    for (const char* name : names) types.push_back(find_type(name));
    return types;
}

Types decoded_types() {
    Types all;
    for (const Format* format : formats()) all.push_back(&format->type());
    return all;
}

Result<Types> parse_types(Op op, std::string_view names, const Types& choices) {
    Types types;
    for (const std::string_view name : split_names(names)) {
        const auto found = std::ranges::find(choices, name, &TypeInfo::name);
        if (found == choices.end()) {
            std::vector<std::string_view> there;
            for (const TypeInfo* type : choices) there.push_back(type->name);
            return fail(ErrorCode::usage, "{} does not take '{}'; there are: {}", op_name(op), name,
                        fmt::join(there, ", "));
        }
        if (std::ranges::find(types, *found) == types.end()) types.push_back(*found);
    }
    return types;
}

std::vector<std::uint64_t> or_default(const std::vector<std::uint64_t>& given, std::uint64_t otherwise) {
    return given.empty() ? std::vector<std::uint64_t>{otherwise} : given;
}

// A shape for every format: rows of `units` blocks (or of 32 elements), and for types without blocks `tail`
// more.
struct Template {
    std::uint64_t rows, units, tail;
    std::uint64_t ids = 0;  // of look-ups
    bool apart = false;     // with bytes between rows
    bool hostile = false;
};

// clang-format off
constexpr Template kLookUps[] = {
    {  13,    3,  5,   37, true,  true },  // first: the one of a quick run
    {   1,    1,  1,    1},
    {1031,    2, 31,    0, true,  true },  // all rows, in order
    {  31,    1,  7,  300},
    {   5, 2053,  1,    6, false, true },  // long rows
    {  64,    1,  0, 9001},                // more ids than rows
};
constexpr Template kCopies[] = {
    {  13,    3,  5, 0, true,  true },
    {   1,    1,  1},
    { 257,    8,  0, 0, false, true },
    {   3, 2053,  1, 0, true },
    {9001,    1, 31, 0, false, true },
};
// clang-format on

RowsCase make(Op op, const TypeInfo& listed, const TypeInfo& plain, Layout layout, const Template& from) {
    RowsCase one;
    one.op = op;
    one.from = op == Op::quantize ? &plain : &listed;
    one.to = op == Op::quantize ? &listed : &plain;
    one.layout = layout;
    one.rows = from.rows;
    const std::uint64_t block = listed.block_elements;
    one.elements =
        block == 1 ? from.units * kGroupElements + from.tail : std::max<std::uint64_t>(from.units, 1) * block;
    one.ids = from.ids;
    one.hostile = from.hostile;
    if (from.apart) {
        // The smallest gap that keeps a row's alignment; blocks that are read may lie anywhere.
        const auto gap = [](const TypeInfo& type, bool written) {
            return is_plain(type) ? type.block_bytes : written ? 2U : 1U;
        };
        if (op != Op::get_rows) one.from_gap = gap(*one.from, false);
        one.to_gap = 3 * gap(*one.to, true);
    }
    return one;
}

}  // namespace

std::vector<const TypeInfo*> quantized_types() {
    Types types = of_names({"f16", "bf16"});
    types.insert(types.end(), quantize_targets().begin(), quantize_targets().end());
    return types;
}

Result<std::vector<RowsCase>> select_rows(Op op, const RowsSelection& o) {
    const bool quantizes = op == Op::quantize;
    TUFF_TRY(types, parse_types(op, o.formats, quantizes ? quantized_types() : decoded_types()));
    if (types.empty())
        types = quantizes ? quantized_types() : of_names({"f16", "q8_0", "q4_0", "q4_k", "q6_k"});
    TUFF_TRY(plains, parse_types(op, o.plain, {plain_types().begin(), plain_types().end()}));
    if (plains.empty()) plains = of_names({"f32"});
    const bool look_up = op == Op::get_rows;
    std::vector<RowsCase> cases;
    for (const TypeInfo* type : types)
        for (const TypeInfo* plain : plains)
            for (const std::uint64_t m : or_default(o.m, look_up ? 8 * o.default_m : o.default_m))
                for (const std::uint64_t k : or_default(o.k, o.default_k))
                    for (const std::uint64_t n :
                         look_up ? or_default(o.n, o.default_n) : std::vector<std::uint64_t>{0}) {
                        if (look_up && (n == 0 || n > (std::uint64_t{1} << 24)))
                            return fail(ErrorCode::usage, "get_rows of n = {} ids: from 1 to {} are possible",
                                        n, std::uint64_t{1} << 24);
                        TUFF_CHECK(matrix_bytes(quantizes ? *find_format("f32") : *find_format(type->id),
                                                Layout::blocks, {m, k, 1}));
                        TUFF_CHECK(row_bytes(*type, k));
                        RowsCase one;
                        one.op = op;
                        one.from = quantizes ? plain : type;
                        one.to = quantizes ? type : plain;
                        one.layout = o.layout;
                        one.rows = m;
                        one.elements = k;
                        one.ids = n;
                        cases.push_back(one);
                    }
    return cases;
}

std::vector<RowsCase> verify_rows_cases(Op op, const TypeInfo& listed, Layout layout, bool quick) {
    const std::span<const Template> templates =
        op == Op::get_rows ? std::span<const Template>(kLookUps) : kCopies;
    std::vector<RowsCase> cases;
    if (quick) {
        const TypeInfo& plain = *plain_types()[(listed.id + static_cast<unsigned>(layout)) % 3];
        return {make(op, listed, plain, layout, templates.front())};
    }
    for (const TypeInfo* plain : plain_types())
        for (const Template& from : templates) cases.push_back(make(op, listed, *plain, layout, from));
    return cases;
}

}  // namespace tuff::bench
