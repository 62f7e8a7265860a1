// Scalar codebooks for a coordinate of a random point of a sphere: what the turbo formats round to.
#pragma once

#include <cstdint>
#include <vector>

namespace tuff {

// Lloyd-Max for the density of one coordinate t of a uniformly random unit vector of `dim` coordinates,
// f(t) proportional to (1 - t^2)^((dim - 3) / 2) (arXiv 2504.19874, lemma 1), in units of its standard
// deviation, 1 / sqrt(dim).
struct SphereCodebook {
    std::vector<float> levels;  // 2^bits, ascending, symmetric
    double distortion = 0;      // mean squared error relative to the variance
};

// Computed at the first call for a (dim, bits), then kept; safe to call from any thread. dim at least 4, bits
// 1 to 6.
[[nodiscard]] const SphereCodebook& sphere_codebook(std::uint32_t dim, std::uint32_t bits);

}  // namespace tuff
