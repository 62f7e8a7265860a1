#include "tools/inspect.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tests/backend/gguf_builder.hpp"
#include "tests/temporary_directory.hpp"

namespace tuff::tools {
namespace {

using nlohmann::json;
using test::GgufBuilder;

constexpr const char* k_two_tensors = TUFF_TEST_DATA "/gguf/ok_two_tensors.gguf";
constexpr const char* k_broken = TUFF_TEST_DATA "/gguf/bad_overlap.gguf";

json parse_json(const GgufBuilder& builder, const InspectOptions& options = {}) {
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    EXPECT_TRUE(file) << file.error().message;
    return json::parse(inspect_json(*file, options));
}

std::string text(const GgufBuilder& builder, const InspectOptions& options = {}) {
    const auto file = GgufFile::parse(builder.bytes(), "m.gguf");
    EXPECT_TRUE(file) << file.error().message;
    return inspect_text(*file, options);
}

// 512 weights of q4_k and 8 of f32.
GgufBuilder small_model() {
    GgufBuilder file;
    const std::uint64_t matrix[] = {256, 2};
    const std::uint64_t row[] = {8};
    file.header(2, 4);
    file.key("general.architecture", GgufType::string).text("llama");
    file.key("general.name", GgufType::string).text("Two rows");
    file.key("general.file_type", GgufType::u32).put(std::uint32_t{15});
    file.key("llama.attention.layer_norm_rms_epsilon", GgufType::f32).put(1e-5f);
    file.tensor("output.weight", matrix, 12, 0).tensor("output_norm.weight", row, 0, 288).pad();
    return file.zeros(288 + 32);
}

TEST(Inspect, SummarizesTheFileForPeople) {
    const std::string report = text(small_model());
    for (const std::string_view part :
         {"file             m.gguf\n", "architecture     llama\n", "name             Two rows\n",
          "file type        Q4_K_M\n", "parameters       520 in 2 tensors\n", "bits per weight  4.923\n",
          "  q4_k        1         512    288  90.0 %\n",
          "llama.attention.layer_norm_rms_epsilon  1e-05\n"}) {
        EXPECT_NE(report.find(part), std::string::npos) << "'" << part << "' is not in:\n" << report;
    }
    EXPECT_EQ(report.find("output.weight"), std::string::npos);
    EXPECT_NE(text(small_model(), {.tensors = true}).find("output.weight       q4_k  [256, 2]    288"),
              std::string::npos);
}

TEST(Inspect, GivesTheSameAsJson) {
    const json root = parse_json(small_model(), {.file = "m.gguf"});
    EXPECT_EQ(root["file"], "m.gguf");
    EXPECT_EQ(root["version"], 3);
    EXPECT_EQ(root["architecture"], "llama");
    EXPECT_EQ(root["file_type"], "Q4_K_M");
    EXPECT_EQ(root["parameters"], 520);
    EXPECT_EQ(root["tensor_bytes"], 320);
    EXPECT_NEAR(root["bits_per_weight"].get<double>(), 8.0 * 320 / 520, 1e-12);
    EXPECT_EQ(root["types"][0],
              json({{"type", "q4_k"}, {"tensors", 1}, {"parameters", 512}, {"bytes", 288}}));
    EXPECT_EQ(root["metadata"]["llama.attention.layer_norm_rms_epsilon"], 1e-5);
    ASSERT_EQ(root["tensors"].size(), 2u);
    EXPECT_EQ(root["tensors"][0]["shape"], json::array({256, 2}));
    EXPECT_EQ(root["tensors"][1]["bytes"], 32);
    EXPECT_EQ(root["tensors"][1]["offset_bytes"], root["data_offset_bytes"].get<int>() + 288);
}

TEST(Inspect, HasNullsForWhatTheFileDoesNotSay) {
    GgufBuilder file;
    file.header(0, 1).key("general.name", GgufType::u8).put(std::uint8_t{1});
    const json root = parse_json(file);
    for (const char* field : {"architecture", "name", "file_type", "bits_per_weight"}) {
        EXPECT_TRUE(root.at(field).is_null()) << field;
    }
    EXPECT_EQ(root["tensors"], json::array());
    EXPECT_EQ(root["metadata"]["general.name"], 1);
    EXPECT_NE(text(file).find("bits per weight  -\n"), std::string::npos);
}

TEST(Inspect, GivesLongArraysByTheirLength) {
    GgufBuilder file;
    file.header(0, 1).key("a", GgufType::array).put(std::uint32_t{5}).put(std::uint64_t{3});
    for (const std::int32_t number : {1, -2, 3}) file.put(number);
    EXPECT_EQ(parse_json(file)["metadata"]["a"], json::array({1, -2, 3}));
    EXPECT_EQ(parse_json(file, {.max_array = 2})["metadata"]["a"], json({{"count", 3}, {"type", "i32"}}));
}

TEST(Inspect, KeepsAnEmptyShapeAnArray) {
    GgufBuilder file;
    file.header(1, 0).tensor("a", {}, 0, 0).pad().zeros(4);
    EXPECT_EQ(parse_json(file)["tensors"][0]["shape"], json::array());
    EXPECT_NE(text(file, {.tensors = true}).find("[]"), std::string::npos);
}

TEST(Inspect, SurvivesBytesThatAreNotUtf8AndNumbersThatAreNotFinite) {
    GgufBuilder file;
    const std::uint64_t row[] = {1};
    file.header(1, 3);
    file.key("key\xff", GgufType::string).text(std::string_view("a\xfe\0b\x1b[31m", 9));
    file.key("nan", GgufType::f32).put(std::nanf(""));
    file.key("inf", GgufType::f64).put(static_cast<double>(INFINITY));
    file.tensor("t\x80", row, 0, 0).pad().zeros(4);
    const json root = parse_json(file);
    EXPECT_EQ(root["metadata"]["key\ufffd"], std::string("a\ufffd\0b\x1b[31m", 11));
    EXPECT_TRUE(root["metadata"]["nan"].is_null());
    EXPECT_TRUE(root["metadata"]["inf"].is_null());
    EXPECT_EQ(root["tensors"][0]["name"], "t\ufffd");
    EXPECT_EQ(text(file, {.tensors = true}).find('\x1b'), std::string::npos);
}

TEST(Inspect, NamesFileTypesThatAreGuessedOrUnknown) {
    const auto name_of_type = [](std::uint32_t id) {
        GgufBuilder file;
        file.header(0, 1).key("general.file_type", GgufType::u32).put(id);
        return parse_json(file)["file_type"];
    };
    EXPECT_EQ(name_of_type(0), "ALL_F32");
    EXPECT_EQ(name_of_type(18), "Q6_K");
    EXPECT_EQ(name_of_type(32), "BF16");
    EXPECT_EQ(name_of_type(41), "Q2_0");
    EXPECT_EQ(name_of_type(1024 + 7), "Q8_0, guessed by its producer");
    EXPECT_EQ(name_of_type(33), "unknown (33)");
    EXPECT_EQ(name_of_type(999), "unknown (999)");
}

TEST(Inspect, WritesJsonIntoAFile) {
    const test::TemporaryDirectory directory;
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_inspect({.file = k_two_tensors, .json = directory.path("out.json")}), 0);
    EXPECT_TRUE(testing::internal::GetCapturedStdout().starts_with("file "));
    EXPECT_EQ(json::parse(test::read_file(directory.path("out.json")))["tensors"].size(), 2u);
    EXPECT_EQ(directory.entries(), 1u);
}

TEST(Inspect, PrintsNothingButJsonWhenThatGoesToStandardOutput) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_inspect({.file = k_two_tensors, .json = "-"}), 0);
    EXPECT_EQ(json::parse(testing::internal::GetCapturedStdout())["file"], k_two_tensors);
}

TEST(Inspect, FailsWithAMessageAndLeavesTheOutputAlone) {
    const test::TemporaryDirectory directory;
    const std::string out = directory.file("out.json", "old");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(run_inspect({.file = k_broken, .json = out}), 1);
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
    const std::string message = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(message.starts_with("tuff inspect: ")) << message;
    EXPECT_NE(message.find("bad_overlap.gguf: tensor 'b'"), std::string::npos) << message;
    EXPECT_EQ(test::read_file(out), "old");
}

TEST(Inspect, IsASubcommandThatOnlyRunsWhenAsked) {
    CLI::App app;
    std::function<int()> action;
    add_inspect(app, action);
    EXPECT_FALSE(action);
    app.parse(std::string("inspect --json - ") + k_two_tensors);
    ASSERT_TRUE(action);
    testing::internal::CaptureStdout();
    EXPECT_EQ(action(), 0);
    EXPECT_TRUE(json::accept(testing::internal::GetCapturedStdout()));
    EXPECT_THROW(app.parse("inspect"), CLI::ParseError);
}

}  // namespace
}  // namespace tuff::tools
