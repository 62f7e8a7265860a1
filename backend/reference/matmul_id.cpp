#include "backend/reference/matmul_id.hpp"

namespace tuff::reference {

std::vector<DotProduct> dot_row_by_expert(const Format& format, const MatmulIdShape& shape,
                                          const std::byte* blocks, std::uint64_t row, const float* x,
                                          const std::int32_t* ids) {
    const MatmulIdShape s = shape.dense();
    const std::uint64_t row_bytes = s.k / format.type().block_elements * format.type().block_bytes;
    std::vector<std::vector<std::uint64_t>> pairs(s.experts);  // of each expert
    for (std::uint64_t pair = 0; pair < s.pairs(); pair++) {
        const std::int32_t id = ids[pair / s.used * s.ids_stride + pair % s.used];
        if (id >= 0 && std::uint64_t(id) < s.experts) pairs[id].push_back(pair);
    }
    std::vector<DotProduct> dots(s.pairs(), DotProduct{0, 0, 0});
    std::vector<float> gathered;
    for (std::uint64_t expert = 0; expert < s.experts; expert++) {
        if (pairs[expert].empty()) continue;
        gathered.clear();
        for (const std::uint64_t pair : pairs[expert]) {
            const float* from = x + pair / s.used * s.x_token + pair % s.used * s.x_stride;
            gathered.insert(gathered.end(), from, from + s.k);
        }
        const auto found = dot_row(format, blocks + (expert * s.m + row) * row_bytes, s.k, gathered.data(),
                                   s.k, pairs[expert].size());
        for (std::size_t i = 0; i < found.size(); i++) dots[pairs[expert][i]] = found[i];
    }
    return dots;
}

}  // namespace tuff::reference
