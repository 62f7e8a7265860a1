// `tuff bench --op kv-error`: what each cache format does to K, V, logits and results, on data of the kinds
// that models have. Computed on the host with the codecs that the kernels reproduce; no device is needed.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/kv/cache_format.hpp"
#include "backend/kv/rotation.hpp"

namespace tuff::bench {

// How K and V are distributed.
enum class KvData {
    normal,    // independent, variance 1
    heavy,     // Student's t with 3 degrees of freedom: a few values are very large
    outliers,  // normal, but 1 channel in 32 is 20 times larger, as K often has it
    offset,    // normal, plus a constant of 30 in 1 channel in 32, as a bias leaves it
};
[[nodiscard]] std::string_view kv_data_name(KvData data);
[[nodiscard]] std::span<const KvData> all_kv_data();

struct KvErrorOptions {
    std::uint32_t head_dim = 128;
    std::uint32_t positions = 512;
    std::uint32_t queries = 32;
    std::uint64_t seed = 1;
};

// K, V and Q of one head, logits q k / sqrt(head_dim) and results softmax(logits) V, in double precision.
class KvProblem {
  public:
    KvProblem(KvData data, const KvErrorOptions& options);

    struct Error {
        double k = 0, v = 0;  // mean squared error of the decoded rows over their mean square
        double logits = 0;    // root mean square of the logits' error
        double outputs = 0;   // root mean square of the results' error over that of the results
    };
    // K and V kept in `format`, but the first `sinks` and the last `recent` positions in f16.
    [[nodiscard]] Error error(const CacheFormat& format, tuff::Rotation rotation, std::uint32_t sinks = 0,
                              std::uint32_t recent = 0) const;

  private:
    using Rows = std::vector<float>;
    [[nodiscard]] Rows draw(KvData data, std::uint32_t rows, class Random& random) const;
    [[nodiscard]] std::vector<double> logits(const Rows& k) const;
    [[nodiscard]] std::vector<double> outputs(const std::vector<double>& logits, const Rows& v) const;

    KvErrorOptions options_;
    Rows q_, k_, v_;
    std::vector<double> logits_, outputs_;
};

struct KvErrorRow {
    KvData data{};
    const CacheFormat* format = nullptr;
    tuff::Rotation rotation{};
    double bits = 0;  // of a value, scales and padding included
    KvProblem::Error error;
    double outputs_with_ends = 0;  // error.outputs with kSinks and kRecent positions in f16

    static constexpr std::uint32_t kSinks = 4, kRecent = 64;
};

// Every format given, without and, where it has codes, with each rotation, on every kind of data. `usage`: a
// head size that a format does not take.
[[nodiscard]] Result<std::vector<KvErrorRow>> measure_kv_errors(std::span<const CacheFormat* const> formats,
                                                                const KvErrorOptions& options);

struct BenchOptions;

// Measures and prints: --format names cache formats (all that take the head by default), -k the head size, -m
// positions, -n queries; --json, --md and --seed as for any op. `usage`: an unknown format,
// measure_kv_errors', or options that mean nothing here; `io`: the report.
[[nodiscard]] Result<int> run_kv_error(const BenchOptions& options);

}  // namespace tuff::bench
