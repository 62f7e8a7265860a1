#include <gtest/gtest.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/tools/command.hpp"

namespace tuff::test {
namespace {

using nlohmann::json;

constexpr const char* kShort = " --reps 2 --min-time 0 ";

TEST(CommandOnDevice, DevicesListsAtLeastOne) {
    const Output text = run_tuff("devices");
    EXPECT_EQ(text.code, 0) << text.err;
    EXPECT_NE(text.out.find("subgroups"), std::string::npos) << text.out;
    const json root = json::parse(run_tuff("devices --json -").out);
    ASSERT_FALSE(root["devices"].empty());
    int chosen = 0;
    for (const json& device : root["devices"]) {
        chosen += device["chosen"].get<bool>();
        EXPECT_TRUE(device["snapshot"]["features"].is_object());
    }
    EXPECT_EQ(chosen, 1);
}

TEST(CommandOnDevice, ASnapshotFromDevicesIsACapsFile) {
    const TemporaryDirectory directory;
    const auto root = nlohmann::json::parse(run_tuff("devices --json -").out);
    for (const auto& device : root["devices"]) {
        if (!device["chosen"].get<bool>()) continue;
        const std::string caps = directory.file("caps.json", device["snapshot"].dump());
        const Output got = run_tuff("verify --op fma --caps " + caps);
        EXPECT_EQ(got.code, 0) << got.err;
        EXPECT_NE(got.out.find("lowered"), std::string::npos);
    }
    EXPECT_EQ(run_tuff("verify --caps " + directory.file("bad.json", R"({"no such field": 1})")).code, 2);
}

TEST(CommandOnDevice, BenchWritesEveryFieldAsJson) {
    const Output got =
        run_tuff(std::string("bench --format q4_0,q4_k --op matvec -m 64 -k 256 --json -") + kShort);
    ASSERT_EQ(got.code, 0) << got.err;
    const json root = json::parse(got.out);
    EXPECT_GT(root["roofs"]["gbps"], 0);
    EXPECT_GT(root["roofs"]["gflops"], 0);
    ASSERT_EQ(root["rows"].size(), 2u);
    for (const json& row : root["rows"]) {
        EXPECT_EQ(row["op"], "matvec");
        EXPECT_EQ(row["status"], "pass");
        EXPECT_EQ(row["shape"]["m"], 64);
        EXPECT_EQ(row["samples_us"].size(), 2u);
        EXPECT_LE(row["error_over_bound"], 1);
        for (const char* field : {"time_us", "gbps", "gflops", "roof_fraction"})
            EXPECT_GT(row[field], 0) << field;
        EXPECT_TRUE(row["reason"].is_null());
        EXPECT_NE(row["variant"].get<std::string>().find("."), std::string::npos);
    }
}

TEST(CommandOnDevice, BenchMeasuresTheTensorsOfAModel) {
    const TemporaryDirectory directory;
    const std::string csv = directory.path("out.csv");
    const Output got =
        run_tuff("bench --model " TUFF_TEST_DATA "/gguf/ok_two_tensors.gguf --csv " + csv + kShort);
    // What the file holds may have no kernel, but is listed.
    EXPECT_NE(got.code, 2) << got.err;
    const std::string rows = read_file(csv);
    EXPECT_TRUE(rows.starts_with("op,format,m,n,k,")) << rows << got.err;
}

TEST(CommandOnDevice, BenchComparedWithItselfExitsByTheChange) {
    const TemporaryDirectory directory;
    const std::string old = directory.path("old.json");
    const std::string bench =
        std::string("bench --format f32 --op matvec -m 64 -k 64 --reps 6 --min-time 0 ");
    ASSERT_EQ(run_tuff(bench + "--json " + old).code, 0);
    // Against samples a million times shorter everything is slower now.
    json run = json::parse(read_file(old));
    for (json& us : run["rows"][0]["samples_us"]) us = us.get<double>() / 1e6;
    const Output slower = run_tuff(bench + "--compare " + directory.file("fast.json", run.dump()));
    EXPECT_EQ(slower.code, 1) << slower.out;
    EXPECT_NE(slower.out.find("SLOWER"), std::string::npos) << slower.out;
    for (json& us : run["rows"][0]["samples_us"]) us = us.get<double>() * 1e12;
    const Output faster = run_tuff(bench + "--compare " + directory.file("slow.json", run.dump()));
    EXPECT_EQ(faster.code, 0) << faster.out;
    EXPECT_NE(faster.out.find("faster"), std::string::npos) << faster.out;
    run["device"]["name"] = "another";
    EXPECT_EQ(run_tuff(bench + "--compare " + directory.file("other.json", run.dump())).code, 1);
}

TEST(CommandOnDevice, BenchSaysWhatDoesNotFit) {
    const Output got = run_tuff("bench --format f32 --op matvec -m 1000000000 -k 4096 --min-time 0 --reps 1");
    EXPECT_EQ(got.code, 1);
    EXPECT_NE(got.out.find("of f32 weights are more than"), std::string::npos) << got.out << got.err;
}

TEST(CommandOnDevice, RefusesADeviceThatIsNotThereWithTheChoices) {
    const Output got = run_tuff("bench --device no-such-device");
    EXPECT_EQ(got.code, 2);
    EXPECT_NE(got.err.find("there are: 0: "), std::string::npos) << got.err;
}

TEST(CommandOnDevice, VerifyPassesAndReportsEveryCase) {
    const Output got = run_tuff("verify --quick --format q4_0 --op matvec --json -");
    ASSERT_EQ(got.code, 0) << got.err;
    const json root = json::parse(got.out);
    EXPECT_EQ(root["summary"]["fail"], 0);
    EXPECT_GT(root["summary"]["pass"], 5);
    for (const json& one : root["cases"])
        for (const char* field : {"op", "format", "variant", "shape", "status", "reason", "error_over_bound"})
            EXPECT_TRUE(one.contains(field)) << field;
}

TEST(CommandOnDevice, VerifyListsKernelsTheDeviceCannotRunWithWhatItLacks) {
    const TemporaryDirectory directory;
    const std::string caps = directory.file("caps.json", R"({"features": {"subgroup_arithmetic": false}})");
    const Output got =
        run_tuff("verify --quick --op matvec --format f32 --algorithm matvec_wide --json - --caps " + caps);
    ASSERT_EQ(got.code, 0) << got.err;
    const json root = json::parse(got.out);
    ASSERT_EQ(root["cases"].size(), 1u);
    EXPECT_EQ(root["cases"][0]["status"], "unsupported");
    EXPECT_NE(root["cases"][0]["reason"].get<std::string>().find("subgroup_arithmetic"), std::string::npos);
    EXPECT_TRUE(root["cases"][0]["error_over_bound"].is_null());
}

// A copy of the shaders with one statement of a kernel replaced.
std::string spoiled_shaders(const TemporaryDirectory& directory, const std::string& from,
                            const std::string& to) {
    const std::filesystem::path copy = directory.path("shaders");
    std::filesystem::copy(TUFF_SHADERS, copy, std::filesystem::copy_options::recursive);
    std::string source = read_file(copy / "matmul_wide.comp");
    const std::size_t at = source.find(from);
    EXPECT_NE(at, std::string::npos);
    if (at != std::string::npos) source.replace(at, from.size(), to);
    EXPECT_NE(directory.file("shaders/matmul_wide.comp", source), "");
    return copy;
}

TEST(CommandOnDevice, VerifyFindsAKernelThatIsWrongAndExitsWithOne) {
    const TemporaryDirectory directory;
    const std::string shaders = spoiled_shaders(
        directory, "void main() {", "#define fma(a, b, c) ((a) * (b) * 1.001 + (c))\nvoid main() {");
    const Output got =
        run_tuff("verify --quick --format f32 --algorithm matmul_wide --json - --shaders " + shaders);
    if (got.err.find("libshaderc") != std::string::npos) GTEST_SKIP() << got.err;
    EXPECT_EQ(got.code, 1) << got.err;
    const json root = json::parse(got.out);
    EXPECT_GT(root["summary"]["fail"], 0);
    EXPECT_NE(got.out.find("elements are wrong"), std::string::npos);
}

TEST(CommandOnDevice, ReportsShaderErrorsWithFileAndLine) {
    const TemporaryDirectory directory;
    const std::string shaders = spoiled_shaders(directory, "void main() {", "void main() {\n    nonsense;");
    const Output got = run_tuff("verify --quick --format f32 --algorithm matmul_wide --shaders " + shaders);
    if (got.err.find("libshaderc") != std::string::npos) GTEST_SKIP() << got.err;
    EXPECT_EQ(got.code, 1);
    EXPECT_NE(got.out.find("matmul_wide.comp:"), std::string::npos) << got.out << got.err;
}

}  // namespace
}  // namespace tuff::test
