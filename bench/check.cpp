#include "bench/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <thread>
#include <utility>
#include <vector>

#include "backend/parallel.hpp"
#include "bench/random.hpp"

namespace tuff::bench {
namespace {

bool poisoned(float value) {
    return std::bit_cast<std::uint32_t>(value) == kPoison;
}

// The worst of some elements, and how many were wrong.
struct Worst {
    double error = 0;
    std::uint64_t batch = 0, token = 0, row = 0;
    float computed = 0;
    double exact = 0;
    std::uint64_t wrong = 0, checked = 0;

    void merge(const Worst& other) {
        const std::uint64_t all_wrong = wrong + other.wrong, all_checked = checked + other.checked;
        if (other.error > error) *this = other;
        wrong = all_wrong;
        checked = all_checked;
    }
};

Worst check_rows(const Format& format, const MatmulPlan& plan, std::span<const std::byte> blocks,
                 const float* x, const float* y, std::span<const std::uint64_t> rows) {
    const MatmulShape& s = plan.shape;
    const TypeInfo& type = format.type();
    const std::uint64_t row_bytes = s.k / type.block_elements * type.block_bytes,
                        share = s.batches / s.w_batches;
    Worst worst;
    for (const std::uint64_t row : rows)
        for (std::uint64_t b = 0; b < s.batches; b++) {
            const std::byte* weights = blocks.data() + (b / share * s.m + row) * row_bytes;
            const auto dots = reference::dot_row(format, weights, s.k, x + b * s.x_batch, s.x_stride, s.n);
            for (std::uint64_t t = 0; t < s.n; t++) {
                const float computed = y[b * s.y_batch + t * s.y_stride + row];
                const double error = error_of(computed, dots[t], plan.roundings);
                const bool wrong = !(error <= 1);
                worst.merge({error, b, t, row, computed, dots[t].value, wrong ? 1u : 0u, 1});
            }
        }
    return worst;
}

}  // namespace

double error_of(float computed, const reference::DotProduct& dot, std::uint64_t roundings) {
    return poisoned(computed) ? std::numeric_limits<double>::infinity()
                              : reference::error_over_bound(computed, dot, roundings);
}

std::vector<std::uint64_t> rows_to_check(const MatmulShape& s, const CheckOptions& options) {
    const std::uint64_t row_work = s.n * s.k * s.batches;
    const std::uint64_t most =
        std::clamp<std::uint64_t>(options.max_multiply_adds / row_work, 2, std::max<std::uint64_t>(s.m, 2));
    std::vector<std::uint64_t> rows;
    if (most >= s.m) {
        for (std::uint64_t row = 0; row < s.m; row++) rows.push_back(row);
        return rows;
    }
    Random random(options.seed);
    rows = {0, s.m - 1};
    // One from each of equal stretches: no row twice, no large gap.
    for (std::uint64_t i = 0; i + 2 < most; i++) {
        const std::uint64_t begin = 1 + (s.m - 2) * i / (most - 2),
                            end = 1 + (s.m - 2) * (i + 1) / (most - 2);
        rows.push_back(begin + random.below(end - begin));
    }
    return rows;
}

std::string find_touched(const MatmulShape& s, std::span<const float> y, std::uint64_t guard) {
    const auto belongs = [&](std::uint64_t i) {
        if (i < guard || i - guard >= s.y_floats()) return false;
        const std::uint64_t in_batch = s.batches > 1 ? (i - guard) % s.y_batch : i - guard;
        return in_batch / s.y_stride < s.n && in_batch % s.y_stride < s.m;
    };
    for (std::uint64_t i = 0; i < y.size(); i++)
        if (!poisoned(y[i]) && !belongs(i))
            return fmt::format(
                "the float {} after the start of y was overwritten with {}; no result belongs there",
                static_cast<std::int64_t>(i) - static_cast<std::int64_t>(guard), y[i]);
    return "";
}

Check check_product(const Format& format, const MatmulPlan& plan, std::span<const std::byte> blocks,
                    std::span<const float> x, std::span<const float> y, std::uint64_t guard,
                    const CheckOptions& options) {
    const std::vector<std::uint64_t> rows = rows_to_check(plan.shape, options);
    const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, rows.size());
    std::vector<Worst> worst(threads);
    in_parallel(threads, static_cast<unsigned>(threads), [&](std::uint64_t i) {
        const std::size_t begin = rows.size() * i / threads, end = rows.size() * (i + 1) / threads;
        worst[i] = check_rows(format, plan, blocks, x.data(), y.data() + guard,
                              std::span(rows).subspan(begin, end - begin));
    });
    for (std::size_t i = 1; i < threads; i++) worst[0].merge(worst[i]);
    const Worst& w = worst[0];
    Check check{w.error, w.checked, ""};
    if (w.wrong > 0)
        check.failure = fmt::format(
            "{} of {} elements are wrong; the worst, row {} of token {} in batch {}, is {} where {} is "
            "exact: {:.3g} times the bound",
            w.wrong, w.checked, w.row, w.token, w.batch, w.computed, w.exact, w.error);
    else
        check.failure = find_touched(plan.shape, y, guard);
    return check;
}

}  // namespace tuff::bench
