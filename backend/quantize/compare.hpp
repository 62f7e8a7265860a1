// How far two files of the same model lie apart.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/gguf.hpp"
#include "backend/quantize/rows.hpp"

namespace tuff {

struct TensorComparison {
    enum class State {
        compared,  // `error` holds
        shapes_differ,
        same_bytes,       // of a type that is no format, integers for example
        different_bytes,  // likewise, or types of which one is no format
    };
    const GgufTensor* a;
    const GgufTensor* b;
    State state;
    ErrorSums error;
};

struct FileComparison {
    std::vector<TensorComparison> tensors;  // in the order of a
    std::vector<const GgufTensor*> only_a, only_b;
    ErrorSums total;        // of all that were compared
    std::size_t worst = 0;  // the tensor that its worst element is in
};

// Tensors are paired by name and compared as decoded to float32, whatever their types. What comes out does
// not depend on `threads`.
[[nodiscard]] FileComparison compare_files(const GgufFile& a, const GgufFile& b, unsigned threads);

}  // namespace tuff
