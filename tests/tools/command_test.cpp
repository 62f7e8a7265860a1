#include <gtest/gtest.h>

#include "tests/temporary_directory.hpp"
#include "tests/tools/command.hpp"

namespace tuff::test {
namespace {

// Wrong usage is told where there is no device as well.
void expect_usage(const std::string& arguments, std::string_view message) {
    const Output got = run_tuff(arguments, kNoDevice);
    EXPECT_EQ(got.code, 2) << arguments << '\n' << got.err;
    EXPECT_EQ(got.out, "") << arguments;
    EXPECT_NE(got.err.find(message), std::string::npos) << arguments << '\n' << got.err;
}

TEST(Command, HelpAndVersionSucceed) {
    for (const char* command : {"--help", "bench --help", "verify --help", "devices --help", "inspect --help",
                                "plan --help", "quantize --help"}) {
        const Output got = run_tuff(command);
        EXPECT_EQ(got.code, 0) << command;
        EXPECT_NE(got.out.find("--help"), std::string::npos) << command;
        EXPECT_EQ(got.err, "") << command;
    }
    EXPECT_TRUE(run_tuff("--version").out.starts_with("tuff "));
}

TEST(Command, NamesTheChoicesForUnknownNames) {
    expect_usage("bench --format q9_z", "unknown format 'q9_z'; there are: f32, f16");
    expect_usage("bench --op conv", "unknown op 'conv'; there are: matvec, matmul, ");
    expect_usage("bench --preset gpt-9", "unknown preset 'gpt-9'; there are: llama-3.1-8b");
    expect_usage("bench --algorithm fast", "unknown algorithm 'fast'; there are: matmul_lanes");
    expect_usage("verify --format q9_z", "unknown format 'q9_z'");
    expect_usage("verify --op conv", "unknown op 'conv'");
}

TEST(Command, RefusesImpossibleShapes) {
    expect_usage("bench -m 0", "no elements");
    expect_usage("bench -n 0", "n = 0");
    expect_usage("bench -m -3", "'-3' is not a size");
    expect_usage("bench -m 99999999999999999999", "not a size");
    expect_usage("bench --format q4_k -k 100", "k = 100 is not a multiple of 256, the block of q4_k");
    expect_usage("bench --op matvec -n 9", "limit of matvec, 8");
    expect_usage("bench -m 2147483648000 -k 32", "limits");
}

TEST(Command, RefusesWhatDoesNotGoTogether) {
    expect_usage("", "subcommand");
    expect_usage("bench --no-such-option", "--no-such-option");
    expect_usage("bench --json - --csv -", "both want standard output");
    expect_usage("bench --md --json -", "both want standard output");
    expect_usage("bench --preset llama-3.1-8b -m 8", "--preset says m and k");
    expect_usage("bench --reps 0", "--reps");
    expect_usage("inspect", "file");
}

TEST(Command, SaysHowToGetADeviceWhereThereIsNone) {
    for (const char* command : {"bench", "verify", "devices"}) {
        const Output got = run_tuff(command, kNoDevice);
        EXPECT_EQ(got.code, 1) << command;
        EXPECT_EQ(got.out, "") << command;
        EXPECT_NE(got.err.find("install"), std::string::npos) << command << '\n' << got.err;
    }
}

TEST(Command, ListsCasesAndKernelsWithoutADevice) {
    const Output got = run_tuff("bench --list --preset qwen3-0.6b --format q4_k", kNoDevice);
    EXPECT_EQ(got.code, 0) << got.err;
    EXPECT_NE(got.out.find("151936x1x1024"), std::string::npos) << got.out;
    EXPECT_NE(got.out.find("matmul_wide.q4_k"), std::string::npos) << got.out;
}

TEST(Command, FailsOnFilesThatCannotBeReadOrAreBroken) {
    const TemporaryDirectory directory;
    const std::string broken = TUFF_TEST_DATA "/gguf/bad_data_truncated.gguf";
    for (const std::string& arguments :
         {"inspect " + broken, "bench --model " + broken, std::string("bench --model /nonexistent.gguf"),
          "bench --compare " + directory.file("old.json", "{}"),
          std::string("bench --json /nonexistent/out.json")}) {
        const Output got = run_tuff(arguments, kNoDevice);
        EXPECT_EQ(got.code, 1) << arguments;
        EXPECT_EQ(got.out, "") << arguments;
        EXPECT_NE(got.err.find(arguments.substr(arguments.rfind(' ') + 1, 12)), std::string::npos) << got.err;
    }
}

}  // namespace
}  // namespace tuff::test
