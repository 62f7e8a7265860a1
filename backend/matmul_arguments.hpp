// The push constants of the kernels of products, in the order of their sources.
#pragma once

#include <cstdint>

#include "backend/operand.hpp"

namespace tuff {

// Of shaders/lib/experts.glsl; plain products leave it empty.
struct ExpertArguments {
    Address experts_at;
    std::uint32_t experts = 0, first_expert = 0, here_experts = 0, ids_stride = 0;
};
struct LanesArguments {
    Address w, x, y;
    std::uint32_t rows, tokens, groups, y_stride;
    Address y_batch_bytes, w_batch_bytes;
    std::uint32_t w_share, first_group;
    ExpertArguments by_expert = {};
};
struct MatvecArguments {
    Address w, x, y;
    std::uint32_t rows, groups, x_stride, y_stride;
    Address x_batch_bytes, y_batch_bytes, y_split_bytes, w_batch_bytes;
    std::uint32_t w_stride, w_row_bytes, w_share, first_group;
    Address codebook;
    ExpertArguments by_expert = {};
};
struct MatmulArguments {
    Address w, x, y;
    std::uint32_t rows, tokens, groups, splits, x_stride, y_stride;
    Address x_batch_bytes, y_batch_bytes, y_split_bytes, w_batch_bytes;
    std::uint32_t w_stride, w_row_bytes, w_share, first_group;
    Address codebook;
    ExpertArguments by_expert = {};
};
struct PackArguments {
    Address x, packed;
    std::uint32_t elements, tokens, groups, tile, x_stride;
    Address x_batch_bytes;
    Address experts_at = {};
    std::uint32_t used = 0;
};
struct PadArguments {
    Address x, padded;
    std::uint32_t elements, tokens, groups, x_stride;
    Address x_batch_bytes;
};
struct ReduceArguments {
    Address partial, y;
    std::uint32_t rows, tokens, splits, y_stride;
    Address y_batch_bytes;
};
struct ExpertListsArguments {
    static constexpr std::size_t kMostParts = 6;
    struct Part {
        std::uint32_t width, rows, table;
    };
    Address ids, lists;
    std::uint32_t pairs, used, ids_stride, experts, rows, groups, parts;
    Part part[kMostParts];
};

}  // namespace tuff
