#include "bench/kv_error.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace tuff::bench::test {
namespace {

KvErrorOptions small() {
    KvErrorOptions options;
    options.positions = 192;
    options.queries = 8;
    return options;
}

KvProblem::Error error(KvData data, std::string_view format, tuff::Rotation rotation) {
    return KvProblem(data, small()).error(*find_cache_format(format), rotation);
}

TEST(KvError, IsOnNormalDataWhatTheCodesMustLose) {
    // 2 * 192 heads of 128 values: about 1 % of statistical error; logits twice that.
    const struct {
        std::string_view format;
        double rows, logits;
    } expected[] = {{"q8_0", 2.86e-5, 0.0054}, {"q5_0", 1.82e-3, 0.043},   {"q4_0", 7.37e-3, 0.086},
                    {"turbo4", 9.2e-3, 0.097}, {"turbo3", 3.39e-2, 0.186}, {"turbo2", 1.18e-1, 0.345}};
    for (const auto& [format, rows, logits] : expected) {
        const KvProblem::Error found = error(KvData::normal, format, tuff::Rotation::none);
        EXPECT_NEAR(found.k, rows, 0.04 * rows) << format;
        EXPECT_NEAR(found.v, rows, 0.04 * rows) << format;
        EXPECT_NEAR(found.logits, logits, 0.08 * logits) << format;
    }
}

TEST(KvError, OfFourBitLogitsShrinksFiveTimesWhereOutliersAreRotated) {
    // Mean squares, as everywhere in the table but for the roots it shows.
    for (const std::string_view format : {"q4_0", "kv4", "turbo4"}) {
        const double plain = error(KvData::outliers, format, tuff::Rotation::none).logits,
                     rotated = error(KvData::outliers, format, tuff::Rotation::hadamard).logits;
        EXPECT_GT(plain * plain, 5 * rotated * rotated) << format;
    }
}

TEST(KvError, IsNeverRaisedByF16AtBothEnds) {
    std::vector<KvProblem> problems;
    for (const KvData data : all_kv_data()) problems.emplace_back(data, small());
    for (const CacheFormat& format : cache_formats()) {
        if (!format.quantized()) continue;
        for (const tuff::Rotation rotation : {tuff::Rotation::none, tuff::Rotation::hadamard}) {
            double outputs = 1;
            for (const KvProblem& problem : problems) {
                const KvProblem::Error plain = problem.error(format, rotation),
                                       ends = problem.error(format, rotation, KvErrorRow::kSinks,
                                                            KvErrorRow::kRecent);
                EXPECT_LE(ends.k, plain.k) << format.name << ' ' << rotation_name(rotation);
                EXPECT_LE(ends.v, plain.v) << format.name << ' ' << rotation_name(rotation);
                EXPECT_LE(ends.logits, plain.logits) << format.name << ' ' << rotation_name(rotation);
                outputs *= ends.outputs / plain.outputs;
            }
            // Errors of results partly cancel, with the ends' or without: of one kind of data alone they may
            // rise.
            if (format.rotates == (rotation != tuff::Rotation::none)) {
                EXPECT_LT(outputs, 1) << format.name << ' ' << rotation_name(rotation);
            }
        }
    }
}

TEST(KvError, NamesAHeadThatAFormatCannotTake) {
    KvErrorOptions options = small();
    options.head_dim = 72;
    const CacheFormat* formats[] = {find_cache_format("q4_0")};
    EXPECT_FALSE(measure_kv_errors(formats, options));
}

}  // namespace
}  // namespace tuff::bench::test
