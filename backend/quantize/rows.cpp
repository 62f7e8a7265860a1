#include "backend/quantize/rows.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/arithmetic.hpp"
#include "backend/formats/plain.hpp"
#include "backend/parallel.hpp"
#include "backend/quantize/lanes.hpp"

namespace tuff {
namespace {

// Elements of a job: its values stay in a core's cache while they are decoded, encoded and compared.
constexpr std::uint64_t kJobElements = std::uint64_t{1} << 16;

struct Magnitudes {
    std::uint64_t non_finite = 0, first_non_finite = 0, too_large = 0;
};

// Most rows are in order, which one pass without branches finds out.
TUFF_CLONES bool all_within(const float* values, std::uint64_t count, float limit) {
    using namespace lanes;
    I8 within = ~I8{};
    std::uint64_t i = 0;
    for (; i + 8 <= count; i += 8) within &= abs(load8(values + i)) <= limit;
    bool all = true;
    for (int lane = 0; lane < 8; lane++) all = all && within[lane] != 0;
    for (; i < count; i++) all = all && std::fabs(values[i]) <= limit;
    return all;
}

Magnitudes look(const float* values, std::uint64_t count, float limit) {
    Magnitudes found;
    if (all_within(values, count, limit)) return found;
    for (std::uint64_t i = 0; i < count; i++) {
        if (!std::isfinite(values[i])) {
            if (found.non_finite++ == 0) found.first_non_finite = i;
        } else if (std::fabs(values[i]) > limit) {
            found.too_large++;
        }
    }
    return found;
}

void make_finite(std::span<float> values) {
    constexpr float kLargest = std::numeric_limits<float>::max();
    for (float& value : values) {
        if (std::isnan(value)) value = 0;
        value = std::clamp(value, -kLargest, kLargest);
    }
}

// One job's rows, and where their values go.
struct Slice {
    std::uint64_t first, count;
};

QuantizeReport quantize_slice(const Rows& rows, const Encoder& encoder, const Slice& slice, std::byte* blocks,
                              const QuantizeOptions& options) {
    const std::uint64_t elements = slice.count * rows.elements;
    const std::uint64_t row_bytes =
        rows.elements / encoder.type().block_elements * encoder.type().block_bytes;
    std::vector<float> values(elements);
    rows.format->decode(rows.data + slice.first * rows.bytes_per_row(), elements, values.data());

    QuantizeReport report;
    const Magnitudes found = look(values.data(), elements, encoder.largest);
    report.non_finite = found.non_finite;
    report.first_non_finite = found.first_non_finite;
    report.too_large = found.too_large;
    if (found.non_finite != 0 && !is_plain(encoder.type())) make_finite(values);

    std::byte* to = blocks + slice.first * row_bytes;
    const ImportanceOfRows& importance = options.importance;
    for (std::uint64_t i = 0; i < slice.count; i++) {
        const float* weights = nullptr;
        if (importance.weights) {
            const std::uint64_t row = importance.first_row + slice.first + i;
            weights = importance.weights + row / importance.rows_per_matrix * rows.elements;
        }
        encoder.encode(values.data() + i * rows.elements, rows.elements, weights, to + i * row_bytes);
    }
    if (options.measure_with) {
        std::vector<float> decoded(elements);
        options.measure_with->decode(to, elements, decoded.data());
        report.error.add(values, decoded);
    }
    return report;
}

// Rows in slices that do not depend on the number of threads, and their reports in order.
template <class Work>
QuantizeReport in_slices(const Rows& rows, unsigned threads, const Work& work) {
    QuantizeReport total;
    if (rows.count == 0 || rows.elements == 0) return total;
    const std::uint64_t rows_per_job = std::max<std::uint64_t>(1, kJobElements / rows.elements);
    const std::uint64_t jobs = ceil_div(rows.count, rows_per_job);
    std::vector<QuantizeReport> reports(jobs);
    in_parallel(jobs, threads, [&](std::uint64_t job) {
        const std::uint64_t first = job * rows_per_job;
        reports[job] = work(Slice{first, std::min(rows_per_job, rows.count - first)});
    });
    for (std::uint64_t job = 0; job < jobs; job++)
        total.add(reports[job], job * rows_per_job * rows.elements);
    return total;
}

}  // namespace

void ErrorSums::add(std::span<const float> a, std::span<const float> b) {
    for (std::size_t i = 0; i < a.size(); i++) {
        const double x = a[i], y = b[i];
        const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
        const double apart = same ? 0.0 : std::fabs(x - y);
        const double distance = std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart;
        squared_error += distance * distance;
        squared_a += x * x;
        squared_b += y * y;
        product += x * y;
        if (distance > worst) {
            worst = distance;
            worst_at = elements + i;
            worst_a = a[i];
            worst_b = b[i];
        }
    }
    elements += a.size();
}

void ErrorSums::add(const ErrorSums& later) {
    squared_error += later.squared_error;
    squared_a += later.squared_a;
    squared_b += later.squared_b;
    product += later.product;
    if (later.worst > worst) {
        worst = later.worst;
        worst_at = elements + later.worst_at;
        worst_a = later.worst_a;
        worst_b = later.worst_b;
    }
    elements += later.elements;
}

double ErrorSums::rmse() const {
    return elements == 0 ? 0 : std::sqrt(squared_error / static_cast<double>(elements));
}

double ErrorSums::relative_rmse() const {
    return std::sqrt(squared_error / squared_a);
}

double ErrorSums::cosine() const {
    return product / (std::sqrt(squared_a) * std::sqrt(squared_b));
}

void QuantizeReport::add(const QuantizeReport& later, std::uint64_t elements) {
    if (non_finite == 0 && later.non_finite != 0) first_non_finite = elements + later.first_non_finite;
    non_finite += later.non_finite;
    too_large += later.too_large;
    error.add(later.error);
}

QuantizeReport quantize_rows(const Rows& rows, const Encoder& encoder, std::byte* blocks,
                             const QuantizeOptions& options) {
    return in_slices(rows, options.threads, [&](const Slice& slice) {
        return quantize_slice(rows, encoder, slice, blocks, options);
    });
}

QuantizeReport check_rows(const Rows& rows, unsigned threads) {
    return in_slices(rows, threads, [&](const Slice& slice) {
        std::vector<float> values(slice.count * rows.elements);
        rows.format->decode(rows.data + slice.first * rows.bytes_per_row(), values.size(), values.data());
        const Magnitudes found = look(values.data(), values.size(), std::numeric_limits<float>::max());
        QuantizeReport report;
        report.non_finite = found.non_finite;
        report.first_non_finite = found.first_non_finite;
        return report;
    });
}

}  // namespace tuff
