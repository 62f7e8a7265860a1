// A load cut into slices: rows of matrices small enough to be read, arranged and copied one after the other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/load/load.hpp"

namespace tuff {

// Rows of one matrix, as they lie in the file.
struct Slice {
    std::size_t task = 0, shard = 0;
    std::uint64_t batch = 0;      // of the shard
    std::uint64_t first_row = 0;  // of the shard's matrices
    std::uint64_t rows = 0;
    std::uint64_t offset = 0, bytes = 0;  // in the file
};

struct Slices {
    std::vector<Slice> all;
    std::uint64_t most_bytes = 0,
                  most_staged = 0;  // of one: in the file, and arranged where it is not in place
    std::uint64_t bytes = 0;
};

// In the order of the tasks, of at most `slice_bytes` in the file and arranged, but of eight rows at least.
[[nodiscard]] Slices cut(std::span<const LoadTask> tasks, std::uint64_t slice_bytes);

}  // namespace tuff
