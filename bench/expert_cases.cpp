#include "bench/expert_cases.hpp"

#include <algorithm>

namespace tuff::bench {
namespace {

std::vector<std::uint64_t> or_default(const std::vector<std::uint64_t>& given, std::uint64_t otherwise) {
    return given.empty() ? std::vector<std::uint64_t>{otherwise} : given;
}

// k is `units` blocks (or 32 elements) long, and for formats without blocks `tail` longer.
struct Template {
    std::uint64_t m, n, units, tail, experts, used;
    Routing routing = Routing::distinct;
    bool shared_x = true;
    std::uint64_t gap = 0;  // elements between rows of x, y and ids; x is then aligned to 4 bytes only
    Data data = Data::ordinary;
};

// clang-format off
constexpr Template kFew[] = {
    { 29,   1, 3,  7,    5,  4, Routing::hostile},  // first: the one of a quick run
    {  1,   1, 1,  1,    1,  1},
    {200,   1, 2,  0,    7,  3, Routing::hostile, false, 3},
    { 13,   3, 5,  1,    4,  2, Routing::hostile, false, 5},
};
constexpr Template kMany[] = {
    { 29,  13, 3,  7,    5,  4, Routing::hostile, false, 1},  // first: the one of a quick run
    {  9,  75, 1,  0,    6,  2, Routing::one},
    { 70, 101, 2,  5,   12,  3, Routing::hostile},
    { 33,  40, 4,  0,  128,  8},
    {  3,  30, 1,  0, 1024, 17, Routing::hostile},
    {515,   9, 2, 31,    3,  2, Routing::distinct, true, 7},
    { 40,  12, 4,  1,    5,  2, Routing::hostile, false, 0, Data::infinite},
    { 40,  12, 4,  1,    5,  2, Routing::hostile, false, 0, Data::subnormal},
    { 16, 700, 1,  0,    4,  2},
};
// clang-format on

}  // namespace

Result<std::vector<ExpertCase>> select_experts(const ExpertSelection& options,
                                               const std::vector<const Format*>& formats,
                                               const std::vector<std::uint64_t>& m,
                                               const std::vector<std::uint64_t>& n,
                                               const std::vector<std::uint64_t>& k, Layout layout) {
    const std::uint64_t experts = options.experts > 0 ? options.experts : 128;
    const std::uint64_t used = options.used > 0 ? options.used : std::min<std::uint64_t>(8, experts);
    if (used > experts)
        return fail(ErrorCode::usage, "--used {} is more than the {} experts there are", used, experts);
    std::vector<ExpertCase> cases;
    for (const Format* format : formats)
        for (const std::uint64_t rows : or_default(m, 768))
            for (const std::uint64_t elements : or_default(k, 2048))
                for (const std::uint64_t tokens : n) {
                    ExpertCase one;
                    one.format = format;
                    one.layout = layout;
                    one.shape = {.m = rows,
                                 .n = tokens,
                                 .k = elements,
                                 .experts = experts,
                                 .used = used,
                                 .shared_x = true};
                    TUFF_CHECK(matrix_bytes(*format, Layout::blocks, one.shape.weights()));
                    cases.push_back(std::move(one));
                }
    return cases;
}

std::vector<ExpertCase> verify_expert_cases(MatmulAlgorithm algorithm, const Format& format, bool quick) {
    std::vector<ExpertCase> cases;
    const std::uint64_t block = format.type().block_elements;
    const auto add = [&](const Template& from) {
        ExpertCase one;
        one.format = &format;
        one.layout = algorithm_layout(algorithm);
        one.algorithm = algorithm;
        one.data = from.data;
        one.routing = from.routing;
        MatmulIdShape& s = one.shape;
        s.m = from.m;
        s.n = from.n;
        s.k = block == 1 ? from.units * kGroupElements + from.tail : from.units * block;
        s.experts = from.experts;
        s.used = from.used;
        s.shared_x = from.shared_x;
        if (from.gap > 0) {
            s.x_stride = s.shared_x ? 0 : s.k + from.gap;
            s.x_token = s.x_slots() * (s.k + from.gap) + 3;
            s.y_stride = s.m + from.gap;
            s.y_token = s.used * s.y_stride + 7;
            s.ids_stride = s.used + from.gap;
            s.x_alignment = 4;
        }
        cases.push_back(std::move(one));
    };
    const auto add_all = [&](std::span<const Template> templates) {
        for (const Template& from : templates.first(quick ? 1 : templates.size())) add(from);
    };
    if (takes_few(algorithm)) add_all(kFew);
    if (takes_many(algorithm) && !(quick && takes_few(algorithm))) add_all(kMany);
    return cases;
}

}  // namespace tuff::bench
