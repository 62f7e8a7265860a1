// Many rows at once: decoded, checked, encoded, on several threads. What comes out does not depend on how
// many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "backend/format.hpp"
#include "backend/quantize/encoder.hpp"

namespace tuff {

// Rows of one type, one after the other, as they stand in a file.
struct Rows {
    const Format* format;
    const std::byte* data;
    std::uint64_t count;
    std::uint64_t
        elements;  // of one row; a multiple of the format's chunk, or of its block if that is smaller

    [[nodiscard]] std::uint64_t bytes_per_row() const {
        return elements / format->type().block_elements * format->type().block_bytes;
    }
};

// The importance of the elements of a row: `elements` weights, the same for `rows_per_matrix` rows, then the
// next ones (a matrix per expert). Without weights: nullptr.
struct ImportanceOfRows {
    const float* weights = nullptr;
    std::uint64_t rows_per_matrix = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t first_row = 0;  // the row of the whole tensor that the first of these is
};

// How far a stands from b, element by element.
struct ErrorSums {
    std::uint64_t elements = 0;
    double squared_error = 0, squared_a = 0, squared_b = 0, product = 0;
    double worst =
        -1;  // largest |a - b|; NaN and infinity count as infinitely far, if the other is not the same
    std::uint64_t worst_at = 0;
    float worst_a = 0, worst_b = 0;

    // Of the elements that follow those added before: worst_at counts from the first of all.
    void add(std::span<const float> a, std::span<const float> b);
    void add(const ErrorSums& later);

    [[nodiscard]] double rmse() const;
    [[nodiscard]] double relative_rmse() const;  // over the root mean square of a; NaN if that is 0
    [[nodiscard]] double cosine() const;         // NaN if a or b is all zeros
};

struct QuantizeReport {
    std::uint64_t non_finite = 0;        // NaNs and infinities among the values
    std::uint64_t first_non_finite = 0;  // its index, counted from the first of these rows
    std::uint64_t too_large = 0;         // finite, but beyond Encoder::largest
    ErrorSums error;                     // of what the blocks decode to, where asked for

    // Of the rows that follow; `elements`: how many came before them.
    void add(const QuantizeReport& later, std::uint64_t elements);
};

struct QuantizeOptions {
    unsigned threads = 1;  // at least 1
    ImportanceOfRows importance = {};
    const Format* measure_with = nullptr;  // decodes the result, to measure its error
};

// Encodes rows into `blocks` (room for their bytes). Values that are not finite are counted; what is encoded
// in place of a NaN is 0, in place of an infinity the largest finite number of its sign, except for types
// that hold them (f32, f16, bf16).
[[nodiscard]] QuantizeReport quantize_rows(const Rows& rows, const Encoder& encoder, std::byte* blocks,
                                           const QuantizeOptions& options);

// Counts values that are not finite, without encoding anything.
[[nodiscard]] QuantizeReport check_rows(const Rows& rows, unsigned threads);

}  // namespace tuff
