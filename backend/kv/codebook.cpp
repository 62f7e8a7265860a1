#include "backend/kv/codebook.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

namespace tuff {
namespace {

// The density of u = t sqrt(d), without its constant: (1 - u^2 / d)^((d - 3) / 2).
class Density {
  public:
    explicit Density(std::uint32_t dim) : dim_(dim) {}

    [[nodiscard]] double edge() const { return std::sqrt(dim_); }

    // Its integral from a to b, by Simpson's rule. Beyond 9 standard deviations there is less than 1e-17.
    [[nodiscard]] double mass(double a, double b) const {
        constexpr int kSteps = 256;
        b = std::min(b, std::max(a + 1, 9.0));
        const double h = (b - a) / kSteps;
        double sum = at(a) + at(b);
        for (int i = 1; i < kSteps; i++) sum += at(a + i * h) * (i % 2 == 1 ? 4 : 2);
        return sum * h / 3;
    }

    // The integral of u times it, in closed form.
    [[nodiscard]] double moment(double a, double b) const {
        return dim_ / (dim_ - 1) * (power(a, dim_ - 1) - power(b, dim_ - 1));
    }

  private:
    [[nodiscard]] double at(double u) const { return power(u, dim_ - 3); }
    [[nodiscard]] double power(double u, double twice) const {
        return std::pow(std::max(0.0, 1 - u * u / dim_), twice / 2);
    }

    double dim_;
};

SphereCodebook solve(std::uint32_t dim, std::uint32_t bits) {
    constexpr int kMaxRounds = 20000;
    constexpr double kStill = 1e-11;
    const Density density(dim);
    const std::size_t half = std::size_t{1} << (bits - 1);
    // The positive half: the other mirrors it.
    std::vector<double> level(half);
    for (std::size_t i = 0; i < half; i++)
        level[i] = (static_cast<double>(i) + 0.5) * std::min(3.0, density.edge()) / static_cast<double>(half);
    const auto border = [&](std::size_t i) {  // below level i
        return i == 0 ? 0.0 : i == half ? density.edge() : (level[i - 1] + level[i]) / 2;
    };
    double moved = 1;
    for (int round = 0; round < kMaxRounds && moved > kStill; round++) {
        std::vector<double> next(half);
        moved = 0;
        for (std::size_t i = 0; i < half; i++) {
            next[i] = density.moment(border(i), border(i + 1)) / density.mass(border(i), border(i + 1));
            moved = std::max(moved, std::fabs(next[i] - level[i]));
        }
        level = std::move(next);
    }
    // Every level is the mean of its cell, so the error is the variance, 1, less what the levels carry.
    double carried = 0, total = 0;
    for (std::size_t i = 0; i < half; i++) {
        const double mass = density.mass(border(i), border(i + 1));
        total += mass;
        carried += mass * level[i] * level[i];
    }
    SphereCodebook book;
    book.distortion = 1 - carried / total;
    for (std::size_t i = half; i-- > 0;) book.levels.push_back(static_cast<float>(-level[i]));
    for (std::size_t i = 0; i < half; i++) book.levels.push_back(static_cast<float>(level[i]));
    return book;
}

}  // namespace

const SphereCodebook& sphere_codebook(std::uint32_t dim, std::uint32_t bits) {
    static std::mutex mutex;
    static std::map<std::pair<std::uint32_t, std::uint32_t>, SphereCodebook> books;
    const std::lock_guard lock(mutex);
    const auto key = std::pair(dim, bits);
    auto found = books.find(key);
    if (found == books.end()) found = books.emplace(key, solve(dim, bits)).first;
    return found->second;
}

}  // namespace tuff
