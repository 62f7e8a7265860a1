#include "backend/reference/matmul.hpp"

#include <cmath>
#include <limits>

namespace tuff::reference {

std::vector<DotProduct> dot_row(const Format& format, const std::byte* blocks, std::uint64_t elements,
                                const float* x, std::uint64_t x_stride, std::uint64_t tokens) {
    std::vector<float> weights(elements), magnitudes(elements);
    format.decode(blocks, elements, weights.data());
    if (format.magnitude)
        format.magnitude(blocks, elements, magnitudes.data());
    else
        for (std::uint64_t k = 0; k < elements; k++) magnitudes[k] = std::fabs(weights[k]);

    std::vector<DotProduct> dots(tokens);
    for (std::uint64_t t = 0; t < tokens; t++) {
        const float* row = x + t * x_stride;
        DotProduct dot{};
        for (std::uint64_t k = 0; k < elements; k++) {
            const double w = weights[k], m = magnitudes[k], a = row[k];
            dot.value += w * a;
            dot.magnitude += m * std::fabs(a);
            dot.underflow += (1 + m) * (1 + std::fabs(a));
        }
        dot.underflow *= 4 * double{std::numeric_limits<float>::min()};
        dots[t] = dot;
    }
    return dots;
}

double error_bound(const DotProduct& dot, std::uint64_t roundings) {
    const double nu = static_cast<double>(roundings) * 0x1p-24;
    return nu / (1 - nu) * dot.magnitude + dot.underflow;
}

double error_over_bound(float computed, const DotProduct& dot, std::uint64_t roundings) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kLargest = std::numeric_limits<float>::max();
    if (!std::isfinite(dot.value)) return std::isfinite(computed) ? kInfinity : 0;
    // Where a partial sum may already overflow, either answer is right.
    if (dot.magnitude > kLargest / 2 && !std::isfinite(computed)) return 0;
    if (!std::isfinite(computed)) return kInfinity;
    const double error = std::fabs(double{computed} - dot.value);
    return error == 0 ? 0 : error / error_bound(dot, roundings);  // sums of nothing have no bound
}

}  // namespace tuff::reference
