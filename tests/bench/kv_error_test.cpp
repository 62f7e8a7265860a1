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
    for (const std::string_view format : {"kv4", "turbo4"})
        EXPECT_GT(error(KvData::outliers, format, tuff::Rotation::none).logits,
                  5 * error(KvData::outliers, format, tuff::Rotation::hadamard).logits)
            << format;
}

TEST(KvError, IsNeverRaisedByF16AtBothEnds) {
    std::vector<const CacheFormat*> formats;
    for (const CacheFormat& format : cache_formats())
        if (format.quantized()) formats.push_back(&format);
    const Result<std::vector<KvErrorRow>> rows = measure_kv_errors(formats, small());
    ASSERT_TRUE(rows);
    for (const KvErrorRow& row : *rows)
        EXPECT_LE(row.outputs_with_ends, row.error.outputs)
            << kv_data_name(row.data) << ' ' << row.format->name << ' ' << rotation_name(row.rotation);
}

TEST(KvError, NamesAHeadThatAFormatCannotTake) {
    KvErrorOptions options = small();
    options.head_dim = 72;
    const CacheFormat* formats[] = {find_cache_format("q4_0")};
    EXPECT_FALSE(measure_kv_errors(formats, options));
}

}  // namespace
}  // namespace tuff::bench::test
