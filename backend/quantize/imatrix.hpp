// Importance matrices as llama.cpp's imatrix tool writes them: a GGUF file with, for each weight matrix NAME,
// the tensors NAME.in_sum2 (per column, the sum of the squares of the activations that met it) and
// NAME.counts (how many there were); with a row of both per expert where the matrix is a stack of experts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf.hpp"

namespace tuff {

struct ImportanceMatrix {
    std::uint64_t columns = 0, matrices = 0;
    std::vector<float> weights;  // columns x matrices; the mean squares, 1 where nothing was counted
};

class ImportanceFile {
  public:
    // Errors: those of GgufFile::open(); `usage` for a GGUF file that is none of this kind; `malformed` for
    // sums without counts, of another type than f32, of shapes that do not go together, negative or not
    // finite, or whose quotient is beyond float32.
    [[nodiscard]] static Result<ImportanceFile> open(const std::string& path);

    // Of the tensor of this name, or nullptr.
    [[nodiscard]] const ImportanceMatrix* find(std::string_view tensor) const;

    [[nodiscard]] std::size_t count() const noexcept { return matrices_.size(); }
    [[nodiscard]] std::uint64_t chunks() const noexcept { return chunks_; }         // 0: not stated
    [[nodiscard]] const std::string& dataset() const noexcept { return dataset_; }  // empty: not stated

  private:
    std::unordered_map<std::string, ImportanceMatrix> matrices_;
    std::uint64_t chunks_ = 0;
    std::string dataset_;
};

}  // namespace tuff
