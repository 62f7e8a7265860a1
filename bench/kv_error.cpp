#include "bench/kv_error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backend/kv/row_codec.hpp"
#include "bench/random.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint32_t kOddChannels = 32;  // one in so many is an outlier or has an offset

float normal(Random& random) {
    // Box and Muller; the first factor's argument is never 0.
    const double radius = std::sqrt(-2 * std::log(1 - double{random.uniform(0, 1)}));
    return static_cast<float>(radius * std::cos(2 * std::numbers::pi * random.uniform(0, 1)));
}

float student(Random& random) {
    constexpr int kFreedom = 3;
    double squares = 0;
    for (int i = 0; i < kFreedom; i++) squares += std::pow(double{normal(random)}, 2);
    return static_cast<float>(normal(random) / std::sqrt(squares / kFreedom));
}

float value(KvData data, std::uint32_t channel, Random& random) {
    // Spread over the head, and in the middle of each block that a rotation could use.
    const bool odd = channel % kOddChannels == kOddChannels / 2 + 1;
    switch (data) {
        case KvData::normal:
            return normal(random);
        case KvData::heavy:
            return student(random);
        case KvData::outliers:
            return (odd ? 20.0F : 1.0F) * normal(random);
        case KvData::offset:
            return (odd ? 30.0F : 0.0F) + normal(random);
    }
    return 0;
}

// The mean square of a, and of a - b.
template <class T>
double mean_square(const std::vector<T>& a) {
    double sum = 0;
    for (const T x : a) sum += double{x} * x;
    return sum / static_cast<double>(a.size());
}
template <class T>
double mean_square_difference(const std::vector<T>& a, const std::vector<T>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); i++) sum += std::pow(double{a[i]} - b[i], 2);
    return sum / static_cast<double>(a.size());
}

}  // namespace

std::string_view kv_data_name(KvData data) {
    switch (data) {
        case KvData::normal:
            return "normal";
        case KvData::heavy:
            return "heavy";
        case KvData::outliers:
            return "outliers";
        case KvData::offset:
            return "offset";
    }
    return "";
}

std::span<const KvData> all_kv_data() {
    static constexpr KvData kAll[] = {KvData::normal, KvData::heavy, KvData::outliers, KvData::offset};
    return kAll;
}

KvProblem::KvProblem(KvData data, const KvErrorOptions& options) : options_(options) {
    Random random(options.seed);
    q_ = draw(KvData::normal, options.queries, random);
    k_ = draw(data, options.positions, random);
    v_ = draw(data, options.positions, random);
    logits_ = logits(k_);
    outputs_ = outputs(logits_, v_);
}

KvProblem::Rows KvProblem::draw(KvData data, std::uint32_t rows, Random& random) const {
    Rows drawn;
    drawn.reserve(std::size_t{rows} * options_.head_dim);
    for (std::uint32_t row = 0; row < rows; row++)
        for (std::uint32_t i = 0; i < options_.head_dim; i++) drawn.push_back(value(data, i, random));
    return drawn;
}

std::vector<double> KvProblem::logits(const Rows& k) const {
    const std::uint32_t n = options_.head_dim;
    std::vector<double> all;
    for (std::uint32_t query = 0; query < options_.queries; query++)
        for (std::uint32_t position = 0; position < options_.positions; position++) {
            double sum = 0;
            for (std::uint32_t i = 0; i < n; i++)
                sum += double{q_[std::size_t{query} * n + i]} * k[std::size_t{position} * n + i];
            all.push_back(sum / std::sqrt(n));
        }
    return all;
}

std::vector<double> KvProblem::outputs(const std::vector<double>& logits, const Rows& v) const {
    const std::uint32_t n = options_.head_dim;
    std::vector<double> all(std::size_t{options_.queries} * n);
    for (std::uint32_t query = 0; query < options_.queries; query++) {
        const auto row =
            std::span(logits).subspan(std::size_t{query} * options_.positions, options_.positions);
        const double largest = std::ranges::max(row);
        double total = 0;
        for (const double logit : row) total += std::exp(logit - largest);
        for (std::uint32_t position = 0; position < options_.positions; position++) {
            const double weight = std::exp(row[position] - largest) / total;
            for (std::uint32_t i = 0; i < n; i++)
                all[std::size_t{query} * n + i] += weight * v[std::size_t{position} * n + i];
        }
    }
    return all;
}

KvProblem::Error KvProblem::error(const CacheFormat& format, tuff::Rotation rotation, std::uint32_t sinks,
                                  std::uint32_t recent) const {
    const std::uint32_t n = options_.head_dim;
    const auto cached = [&](const Rows& rows) {
        Rows decoded = rows;
        std::vector<std::byte> row;
        for (std::uint32_t position = 0; position < options_.positions; position++) {
            const bool end = position < sinks || position + recent >= options_.positions;
            const CacheFormat& kept = end ? *find_cache_format("f16") : format;
            const std::span<float> head(&decoded[std::size_t{position} * n], n);
            row.resize(kept.row_bytes(n));
            rotate(rotation, head);
            encode_row(kept, head, row);
            decode_row(kept, row, head);
            unrotate(rotation, head);
        }
        return decoded;
    };
    const Rows k = cached(k_), v = cached(v_);
    const std::vector<double> with_k = logits(k);
    Error error;
    error.k = mean_square_difference(k, k_) / mean_square(k_);
    error.v = mean_square_difference(v, v_) / mean_square(v_);
    error.logits = std::sqrt(mean_square_difference(with_k, logits_));
    error.outputs = std::sqrt(mean_square_difference(outputs(with_k, v), outputs_) / mean_square(outputs_));
    return error;
}

Result<std::vector<KvErrorRow>> measure_kv_errors(std::span<const CacheFormat* const> formats,
                                                  const KvErrorOptions& options) {
    for (const CacheFormat* format : formats) TUFF_CHECK(format->check(options.head_dim));
    std::vector<KvErrorRow> rows;
    for (const KvData data : all_kv_data()) {
        const KvProblem problem(data, options);
        for (const CacheFormat* format : formats)
            for (const tuff::Rotation rotation :
                 {tuff::Rotation::none, tuff::Rotation::hadamard, tuff::Rotation::signed_hadamard}) {
                if (!format->quantized() && rotation != tuff::Rotation::none) continue;
                const double bits = 8.0 * format->row_bytes(options.head_dim) / options.head_dim;
                rows.push_back(
                    {data, format, rotation, bits, problem.error(*format, rotation),
                     problem.error(*format, rotation, KvErrorRow::kSinks, KvErrorRow::kRecent).outputs});
            }
    }
    return rows;
}

}  // namespace tuff::bench
