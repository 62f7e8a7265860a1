#include "bench/compare.hpp"

#include <gtest/gtest.h>

#include "bench/report.hpp"

namespace tuff::bench {
namespace {

CaseResult row(Op op, std::uint64_t n, std::vector<double> samples_us) {
    CaseResult result;
    result.op = op;
    result.format = find_format("q4_k");
    result.shape.m = 64;
    result.shape.n = n;
    result.shape.k = 256;
    result.samples_us = std::move(samples_us);
    result.bytes = 1000;
    result.flops = 2000;
    return result;
}

Environment environment() {
    Environment e;
    e.device.name = "a device";
    e.roofs = {20, 15, 100};
    return e;
}

SavedRun saved(const std::vector<CaseResult>& rows) {
    const auto run = parse_run(bench_json(environment(), rows), "old.json");
    EXPECT_TRUE(run) << run.error().message;
    return *run;
}

const std::vector<double> kTen{10.0, 10.1, 10.2, 10.3, 10.4};
const std::vector<double> kTwelve{12.0, 12.1, 12.2, 12.3, 12.4};

TEST(Compare, ReadsWhatBenchWrites) {
    const SavedRun run = saved({row(Op::matvec, 1, kTen), row(Op::matmul, 64, {})});
    EXPECT_EQ(run.device, "a device");
    EXPECT_EQ(run.roofs.read_gbps, 20);
    ASSERT_EQ(run.rows.size(), 1u);  // a row without samples cannot be compared
    EXPECT_EQ(run.rows[0].key, "matvec q4_k 64x1x256");
    EXPECT_EQ(run.rows[0].key, row_key(row(Op::matvec, 1, kTen)));
    EXPECT_EQ(run.rows[0].samples_us, kTen);
}

TEST(Compare, TellsSlowerFasterAndSame) {
    const SavedRun old =
        saved({row(Op::matvec, 1, kTen), row(Op::matvec, 2, kTwelve), row(Op::matvec, 3, kTen)});
    const Comparison c = compare_runs(
        old, old.roofs,
        std::vector{row(Op::matvec, 1, kTwelve), row(Op::matvec, 2, kTen), row(Op::matvec, 3, kTen)}, 0.05);
    ASSERT_EQ(c.rows.size(), 3u);
    EXPECT_EQ(c.rows[0].change, Change::slower);
    EXPECT_EQ(c.rows[1].change, Change::faster);
    EXPECT_EQ(c.rows[2].change, Change::none);
    EXPECT_EQ(c.slower, 1u);
    EXPECT_EQ(c.matched, 3u);
    EXPECT_NE(comparison_text(c).find("SLOWER"), std::string::npos);
}

TEST(Compare, IgnoresASignificantDifferenceBelowTheThreshold) {
    const SavedRun old = saved({row(Op::matvec, 1, kTen)});
    EXPECT_EQ(compare_runs(old, old.roofs, std::vector{row(Op::matvec, 1, kTwelve)}, 0.25).slower, 0u);
}

TEST(Compare, IgnoresALargeDifferenceThatIsNotSignificant) {
    const SavedRun old = saved({row(Op::matvec, 1, {10, 20, 10, 20, 11})});
    const Comparison c =
        compare_runs(old, old.roofs, std::vector{row(Op::matvec, 1, {20, 10, 20, 10, 19})}, 0.05);
    EXPECT_EQ(c.rows[0].change, Change::none);
}

TEST(Compare, SaysWhenThereAreTooFewSamplesToTell) {
    const SavedRun old = saved({row(Op::matvec, 1, {10, 10.1})});
    const Comparison c = compare_runs(old, old.roofs, std::vector{row(Op::matvec, 1, kTwelve)}, 0.05);
    EXPECT_EQ(c.rows[0].change, Change::unclear);
    EXPECT_EQ(c.slower, 0u);
}

TEST(Compare, TakesADriftOfTheRoofsForNoise) {
    const SavedRun old = saved({row(Op::matvec, 1, kTen)});
    const Comparison c = compare_runs(old, {15, 15, 100}, std::vector{row(Op::matvec, 1, kTwelve)}, 0.05);
    EXPECT_NEAR(c.least_effect, 20.0 / 15 - 1, 1e-12);
    EXPECT_EQ(c.rows[0].change, Change::none);
}

TEST(Compare, ComparesEqualWork) {
    const SavedRun old = saved({row(Op::fma, 1, kTen)});
    CaseResult twice = row(Op::fma, 1, {20.0, 20.2, 20.4, 20.6, 20.8});
    twice.flops *= 2;
    EXPECT_EQ(compare_runs(old, old.roofs, std::vector{twice}, 0.05).rows[0].change, Change::none);
}

TEST(Compare, NamesRowsThatOnlyOneRunHas) {
    const SavedRun old = saved({row(Op::matvec, 1, kTen)});
    const Comparison c = compare_runs(old, old.roofs, std::vector{row(Op::matvec, 2, kTen)}, 0.05);
    ASSERT_EQ(c.rows.size(), 2u);
    EXPECT_EQ(c.matched, 0u);
    EXPECT_EQ(c.rows[0].change, Change::only_new);
    EXPECT_EQ(c.rows[1].change, Change::only_old);
}

TEST(Compare, RejectsWhatIsNotASavedRun) {
    for (const char* text :
         {"", "[]", "{}", R"({"device":{"name":1}})", R"({"device":{"name":"a"},"roofs":{},"rows":[]})"}) {
        const auto run = parse_run(text, "old.json");
        ASSERT_FALSE(run) << text;
        EXPECT_EQ(run.error().code, ErrorCode::malformed);
        EXPECT_TRUE(run.error().message.starts_with("old.json: ")) << run.error().message;
    }
    EXPECT_EQ(load_run("/nonexistent/old.json").error().code, ErrorCode::io);
}

}  // namespace
}  // namespace tuff::bench
