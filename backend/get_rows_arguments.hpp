// What shaders/get_rows.comp takes; limits of kernels that go over rows one after the other.
#pragma once

#include "backend/operand.hpp"

namespace tuff {

struct GetRowsArguments {
    Address w, ids, y;
    std::uint32_t rows, first, last, groups, elements, w_stride, w_row_bytes, count, ids_stride, y_stride;
    Address codebook;
};

inline constexpr std::uint64_t kMaxRowElements = std::uint64_t{1} << 25;      // 32-bit offsets in a row
inline constexpr std::uint64_t kMostInvocations = std::uint64_t{1} << 30;     // 32-bit counters in a launch
inline constexpr std::uint64_t kMaxRowStride = (std::uint64_t{1} << 32) - 1;  // bytes
inline constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 31;             // so far apart: 64-bit sizes

}  // namespace tuff
