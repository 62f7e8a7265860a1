// Statistics of repeated timings. Timings are skewed and have outliers, so everything here is by rank.
#pragma once

#include <cstddef>
#include <span>

namespace tuff::bench {

struct Summary {
    std::size_t count = 0;
    double minimum = 0;
    double p10 = 0;
    double median = 0;
    double p90 = 0;

    // Half the distance between the 10th and the 90th percentile: what "median +- spread" means in every
    // report.
    [[nodiscard]] double spread() const { return (p90 - p10) / 2; }
};

// All zeros for no samples.
[[nodiscard]] Summary summarize(std::span<const double> samples);

// The value below which a fraction q of the sorted samples lies, interpolated between neighbours; q in [0,
// 1].
[[nodiscard]] double quantile(std::span<const double> sorted, double q);

// The two-sided p-value of the Mann-Whitney U test: how likely two sets of samples from the same distribution
// differ in rank at least as much as these. Exact for small sets without ties, else by the normal
// approximation with corrections for ties and continuity. 1 where a set is empty.
[[nodiscard]] double mann_whitney_p(std::span<const double> a, std::span<const double> b);

}  // namespace tuff::bench
