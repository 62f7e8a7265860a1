#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace tuff::bench {
namespace {

// How many of the orders of n + m samples have each value of U: counts[u], as fractions of all. The
// recurrence adds the largest sample, which belongs either to the first set (and beats all m of the second)
// or to the second.
std::vector<double> u_distribution(std::size_t n, std::size_t m) {
    std::vector<std::vector<double>> row(m + 1);  // for the current i: [j][u]
    for (std::size_t j = 0; j <= m; j++) row[j] = {1.0};
    for (std::size_t i = 1; i <= n; i++) {
        std::vector<std::vector<double>> next(m + 1);
        next[0] = {1.0};
        for (std::size_t j = 1; j <= m; j++) {
            next[j].assign(i * j + 1, 0.0);
            const double last_is_a = static_cast<double>(i) / static_cast<double>(i + j);
            for (std::size_t u = 0; u < row[j].size(); u++) next[j][u + j] += last_is_a * row[j][u];
            for (std::size_t u = 0; u < next[j - 1].size(); u++)
                next[j][u] += (1 - last_is_a) * next[j - 1][u];
        }
        row = std::move(next);
    }
    return row[m];
}

}  // namespace

double quantile(std::span<const double> sorted, double q) {
    if (sorted.empty()) return 0;
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const std::size_t high = std::min(low + 1, sorted.size() - 1);
    return sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low));
}

Summary summarize(std::span<const double> samples) {
    std::vector<double> sorted(samples.begin(), samples.end());
    std::ranges::sort(sorted);
    if (sorted.empty()) return {};
    return {sorted.size(), sorted.front(), quantile(sorted, 0.1), quantile(sorted, 0.5),
            quantile(sorted, 0.9)};
}

double mann_whitney_p(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || b.empty()) return 1;
    std::vector<std::pair<double, bool>> all;
    for (const double value : a) all.emplace_back(value, true);
    for (const double value : b) all.emplace_back(value, false);
    std::ranges::sort(all);

    // Ties share the mean of their ranks.
    double rank_sum = 0, tie_term = 0;
    for (std::size_t begin = 0; begin < all.size();) {
        std::size_t end = begin;
        while (end < all.size() && all[end].first == all[begin].first) end++;
        const double ties = static_cast<double>(end - begin);
        const double rank = static_cast<double>(begin + end + 1) / 2;
        for (std::size_t i = begin; i < end; i++) rank_sum += all[i].second ? rank : 0;
        tie_term += ties * (ties * ties - 1);
        begin = end;
    }
    const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
    const double u = rank_sum - n * (n + 1) / 2;
    const double smaller = std::min(u, n * m - u);

    constexpr std::size_t kExact = 400;  // n * m
    if (tie_term == 0 && a.size() * b.size() <= kExact) {
        const std::vector<double> distribution = u_distribution(a.size(), b.size());
        double tail = 0;
        for (std::size_t i = 0; i <= static_cast<std::size_t>(smaller); i++) tail += distribution[i];
        return std::min(1.0, 2 * tail);
    }
    const double total = n + m;
    const double variance = n * m / 12 * (total + 1 - tie_term / (total * (total - 1)));
    if (variance <= 0) return 1;
    const double z = std::max(0.0, std::fabs(u - n * m / 2) - 0.5) / std::sqrt(variance);
    return std::erfc(z / std::sqrt(2.0));
}

}  // namespace tuff::bench
