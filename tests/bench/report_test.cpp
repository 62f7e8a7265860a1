#include "bench/report.hpp"

#include <gtest/gtest.h>

#include <limits>

#include <nlohmann/json.hpp>

namespace tuff::bench {
namespace {

using nlohmann::json;

Environment environment() {
    Environment e;
    e.device.name = "a \"device\"";
    e.device.api_version = (1u << 22) | (3u << 12) | 230;
    e.roofs = {20, 0, 100};
    e.command_line = {"tuff", "bench"};
    return e;
}

CaseResult measured() {
    CaseResult r;
    r.op = Op::matvec;
    r.format = find_format("q8_0");
    r.shape.m = 64;
    r.shape.n = 1;
    r.shape.k = 32;
    r.label = "blk.0.attn_q.weight, \"first\"";
    r.variant = "matvec_wide.q8_0 [32,2,1]";
    r.error_over_bound = 0.25;
    r.samples_us = {10, 12, 11};
    r.bytes = 2560;
    r.flops = 4096;
    rate(r, environment().roofs);
    return r;
}

CaseResult refused() {
    CaseResult r;
    r.op = Op::matmul;
    r.format = find_format("q4_k");
    r.status = Status::unsupported;
    r.reason = "k = 100 is not a multiple of 256";
    r.shape.m = 3;
    r.shape.n = 9;
    r.shape.k = 100;
    return r;
}

CaseResult copied() {
    CaseResult r;
    r.op = Op::copy;
    r.label = "read";
    r.bytes = 1000;
    r.samples_us = {1};
    rate(r, environment().roofs);
    return r;
}

TEST(Report, RatesByTheMedian) {
    const CaseResult r = measured();
    EXPECT_NEAR(*r.gbps, 2560 / 11.0 * 1e-3, 1e-9);
    EXPECT_NEAR(*r.gflops, 4096 / 11.0 * 1e-3, 1e-9);
    // 2560 bytes take 0.128 us at 20 GB/s, 4096 operations 0.041 us at 100 GFLOP/s.
    EXPECT_NEAR(*r.roof_fraction, 0.128 / 11, 1e-9);
}

TEST(Report, LeavesOutWhatHasNoRoof) {
    CaseResult r = measured();
    r.roof_fraction.reset();
    rate(r, {});
    EXPECT_FALSE(r.roof_fraction);
    CaseResult untimed = refused();
    rate(untimed, environment().roofs);
    EXPECT_FALSE(untimed.gbps);
}

TEST(Report, JsonHasUnitsInItsNamesAndNullForWhatIsMissing) {
    const json root = json::parse(bench_json(environment(), std::vector{measured(), refused(), copied()}));
    EXPECT_EQ(root["device"]["name"], "a \"device\"");
    EXPECT_EQ(root["device"]["api_version"], "1.3.230");
    EXPECT_EQ(root["roofs"]["read_gbps"], 20);
    EXPECT_TRUE(root["roofs"]["copy_gbps"].is_null());
    EXPECT_EQ(root["command_line"], json::array({"tuff", "bench"}));
    ASSERT_EQ(root["rows"].size(), 3u);
    const json& good = root["rows"][0];
    EXPECT_EQ(good["op"], "matvec");
    EXPECT_EQ(good["format"], "q8_0");
    EXPECT_EQ(good["shape"]["m"], 64);
    EXPECT_EQ(good["shape"]["y_stride"], 64);
    EXPECT_EQ(good["status"], "pass");
    EXPECT_TRUE(good["reason"].is_null());
    EXPECT_EQ(good["time_us"], 11);
    EXPECT_EQ(good["time_us_min"], 10);
    EXPECT_EQ(good["samples_us"], json::array({10, 12, 11}));
    EXPECT_EQ(good["error_over_bound"], 0.25);
    const json& bad = root["rows"][1];
    EXPECT_EQ(bad["status"], "unsupported");
    for (const char* field :
         {"variant", "time_us", "time_us_spread", "time_us_min", "gbps", "gflops", "roof_fraction",
          "error_over_bound", "bytes", "flops", "rotation_bytes", "label"}) {
        EXPECT_TRUE(bad.at(field).is_null()) << field;
    }
    const json& copy = root["rows"][2];
    EXPECT_TRUE(copy["format"].is_null());
    EXPECT_TRUE(copy["shape"].is_null());
    EXPECT_TRUE(copy["gflops"].is_null());
    EXPECT_TRUE(copy["time_us_spread"].is_null());  // one sample has none
    EXPECT_EQ(copy["gbps"], 1);
}

TEST(Report, VerifyJsonCountsAndNamesTheWorst) {
    CaseResult broken = measured();
    broken.status = Status::fail;
    broken.reason = "wrong";
    broken.error_over_bound = std::numeric_limits<double>::infinity();
    const json good = json::parse(verify_json(environment(), std::vector{measured(), refused()}));
    EXPECT_EQ(good["summary"],
              json({{"pass", 1}, {"fail", 0}, {"unsupported", 1}, {"worst_error_over_bound", 0.25}}));
    const json bad = json::parse(verify_json(environment(), std::vector{broken}));
    EXPECT_EQ(bad["cases"][0]["status"], "fail");
    EXPECT_TRUE(bad["cases"][0]["error_over_bound"].is_null());  // no JSON number is infinite
    EXPECT_TRUE(json::parse(verify_json(environment(), {}))["summary"]["worst_error_over_bound"].is_null());
}

TEST(Report, CsvQuotesTextAndLeavesMissingFiguresEmpty) {
    const std::string csv = bench_csv(std::vector{measured(), refused(), copied()});
    EXPECT_NE(csv.find("matvec,q8_0,64,1,32,1,\"blk.0.attn_q.weight, \"\"first\"\"\",\"matvec_wide.q8_0 "
                       "[32,2,1]\",pass,,11,"),
              std::string::npos)
        << csv;
    EXPECT_NE(csv.find("matmul,q4_k,3,9,100,1,,,unsupported,k = 100 is not a multiple of 256,,,,0,,,,\n"),
              std::string::npos)
        << csv;
    EXPECT_NE(csv.find("copy,,,,,,read,,pass,,1,,1,1,1,,"), std::string::npos) << csv;
    const auto commas = [&](std::string_view text) { return std::ranges::count(text, ','); };
    const std::string head = csv.substr(0, csv.find('\n'));
    const std::size_t second = csv.find("matmul,q4_k");
    EXPECT_EQ(commas(head), commas(std::string_view(csv).substr(second, csv.find('\n', second) - second)));
}

TEST(Report, TableLinesAreAlignedAndMarkdownIsATable) {
    const std::string head = table_head(TableStyle::text), row = table_row(measured(), TableStyle::text);
    EXPECT_EQ(head.find("time") + 4, row.find("11.0 us") + 7);
    EXPECT_NE(table_row(refused(), TableStyle::text).find("unsupported: k = 100"), std::string::npos);
    CaseResult piped = measured();
    piped.label = "a|b";
    EXPECT_NE(table_row(piped, TableStyle::markdown).find("a\\|b |\n"), std::string::npos);
    EXPECT_NE(table_head(TableStyle::markdown).find("|---|"), std::string::npos);
}

TEST(Report, TimesReadWell) {
    EXPECT_EQ(time_text(0.5), "0.500 us");
    EXPECT_EQ(time_text(12.34), "12.3 us");
    EXPECT_EQ(time_text(4321), "4.32 ms");
    EXPECT_EQ(time_text(2.5e6), "2.50 s");
}

}  // namespace
}  // namespace tuff::bench
