#include "bench/verify_cases.hpp"

#include <algorithm>

namespace tuff::bench {
namespace {

// A shape for every format: k is `units` blocks (or 32 elements) long, and for formats without blocks `tail`
// longer.
struct Template {
    bool quick;
    std::uint64_t m, n, units, tail;
    Data data = Data::ordinary;
    std::uint64_t batches = 1, w_batches = 1;
    std::uint64_t gap =
        0;  // floats between rows of x and of y, 0 for dense; x is then aligned to 4 bytes only
};

// clang-format off
constexpr Template kMatvec[] = {
    {true,        1, 1,    0,  1},                        // one number
    {false,       1, 1,    1,  0},
    {false,       1, 2,    3,  7},
    {true,       13, 1,    5,  1},                        // tails of rows and of elements
    {false,      37, 2,    3,  5},
    {true,       29, 8,    2, 31},
    {false,      65, 3,    7, 31},
    {false,      31, 4,    4,  0},
    {true,       50, 5,    3,  3, Data::ordinary, 4, 2, 5},  // batches that share weights, strided
    {false,      29, 6,    4,  2},
    {false,      64, 7,    1,  1},
    {false,      16, 1,    8,  0, Data::ordinary, 6, 6},
    {false,      11, 3,    2,  0, Data::ordinary, 3, 1, 1},
    {true,     1100, 1,    4,  0},                        // many rows: wider tiles
    {false,    1100, 2,    5, 17},
    {false,    1031, 4,    8,  0},
    {false,     521, 8,    6,  0},
    {false,      40, 2,    4,  1, Data::zeros},
    {true,       40, 2,    4,  1, Data::subnormal},
    {false,      40, 2,    4,  1, Data::huge},
    {true,       40, 2,    4,  1, Data::infinite},
    {false,      40, 1,    4,  1, Data::subnormal},
    {false,      40, 1,    4,  1, Data::infinite},
    {false,       9, 1, 2053,  1},                        // long rows
    {false,       3, 8,  517,  1},
    {false,  140001, 1,    1,  0},                        // more rows than one launch has workgroups
    {false,    4096, 1,   32,  0},
    {false,    4097, 8,   16,  9},
};

constexpr Template kMatmul[] = {
    {false,       1,    9,   0,  1},
    {true,       70,   29,   3,  7},
    {false,      13,   17,   5,  1},
    {false,     129,   67,   5,  1},
    {true,       64,   64,   4,  0},
    {false,      48,   48,   2,  0},
    {false,      31,  101,   1, 31},
    {true,       40,   13,   2,  1, Data::ordinary, 4, 2, 3},
    {false,      16,   24,   3,  0, Data::ordinary, 3, 3},
    {false,      33,   33,   1,  0, Data::ordinary, 2, 1, 1},
    {false,      40,   12,   4,  1, Data::zeros},
    {false,      40,   12,   4,  1, Data::subnormal},
    {false,      40,   12,   4,  1, Data::huge},
    {true,       40,   12,   4,  1, Data::infinite},
    {false,       5,   11, 517,  1},
    {false,       8, 1030,   1,  0},
    {false,   20011,   10,   1,  0},
    {false,    1024,  128,   8,  0},
    {false,     515,  514,   4,  5},
};

// What matvec_wide does not take, the tiled kernel must: few tokens.
constexpr Template kNarrowMatmul[] = {
    {true,       31, 1, 3, 1},
    {false,      33, 5, 2, 0},
    {false,       1, 8, 1, 3},
};
// clang-format on

VerifyCase make(MatmulAlgorithm algorithm, const Format& format, const Template& from, Op op) {
    VerifyCase one{op, algorithm, &format, {}, from.data};
    const std::uint64_t block = format.type().block_elements;
    MatmulShape& s = one.shape;
    s.m = from.m;
    s.n = from.n;
    s.k =
        block == 1 ? from.units * kGroupElements + from.tail : std::max<std::uint64_t>(from.units, 1) * block;
    s.batches = from.batches;
    s.w_batches = from.w_batches;
    if (from.gap > 0) {
        s.x_stride = s.k + from.gap;
        s.y_stride = s.m + from.gap;
        s.x_batch = s.n * s.x_stride + 3;
        s.y_batch = s.n * s.y_stride + 7;
        s.x_alignment = 4;
    }
    return one;
}

}  // namespace

std::vector<VerifyCase> verify_cases(MatmulAlgorithm algorithm, const Format& format, bool quick) {
    std::vector<VerifyCase> cases;
    const auto add = [&](std::span<const Template> templates, Op op) {
        for (const Template& from : templates)
            if (from.quick || !quick) cases.push_back(make(algorithm, format, from, op));
    };
    if (takes_few(algorithm)) add(kMatvec, Op::matvec);
    if (!takes_few(algorithm)) add(kNarrowMatmul, Op::matmul);
    if (takes_many(algorithm)) add(kMatmul, Op::matmul);
    return cases;
}

VerifyCase huge_case(MatmulAlgorithm algorithm, const Format& format) {
    constexpr std::uint64_t kBytes = (std::uint64_t{4} << 30) + (std::uint64_t{64} << 20), kElements = 16384;
    VerifyCase one{Op::matvec, algorithm, &format, {}, Data::ordinary};
    one.shape.k = kElements;
    one.shape.m = kBytes / (kElements / format.type().block_elements * format.type().block_bytes);
    one.shape.n = takes_few(algorithm) ? 1 : 9;
    one.op = product_op(one.shape.n);
    return one;
}

}  // namespace tuff::bench
