// `tuff quantize` and `tuff inspect --compare` as a user meets them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/backend/quantize/small_model.hpp"
#include "tests/temporary_directory.hpp"
#include "tests/tools/command.hpp"

namespace tuff::test {
namespace {

class QuantizeCommand : public testing::Test {
  protected:
    QuantizeCommand() { write_small_model(in_); }

    void expect_refused(const std::string& arguments, int code, std::string_view message) {
        const std::size_t before = directory_.entries();
        const Output got = run_tuff("quantize " + arguments, kNoDevice);
        EXPECT_EQ(got.code, code) << arguments << '\n' << got.err;
        EXPECT_EQ(got.out, "") << arguments;
        EXPECT_NE(got.err.find(message), std::string::npos) << arguments << '\n' << got.err;
        EXPECT_EQ(directory_.entries(), before) << arguments << " left something behind";
    }

    TemporaryDirectory directory_;
    std::string in_ = directory_.path("in.gguf"), out_ = directory_.path("out.gguf");
};

TEST_F(QuantizeCommand, SaysWhatItDidInSizesAndBitsPerWeight) {
    const Output got = run_tuff("quantize " + in_ + " " + out_ + " Q4_K_M --threads 2 --report", kNoDevice);
    ASSERT_EQ(got.code, 0) << got.err;
    for (const char* part :
         {"bits per weight", "->", "q4_k", "q6_k", "rmse", "blk.1.ffn_down.weight", "2 threads"})
        EXPECT_NE(got.out.find(part), std::string::npos) << part << '\n' << got.out;
    EXPECT_EQ(got.err, "");  // no progress where nobody sees it
}

TEST_F(QuantizeCommand, PlansWithoutWritingAnything) {
    const Output got =
        run_tuff("quantize --dry-run " + in_ + " " + out_ + " q4_k_m --tensor attn_v=q8_0", kNoDevice);
    ASSERT_EQ(got.code, 0) << got.err;
    EXPECT_NE(got.out.find("--tensor"), std::string::npos) << got.out;
    EXPECT_EQ(directory_.entries(), 1u);
}

TEST_F(QuantizeCommand, RefusesWithAMessageAndLeavesNothing) {
    expect_refused(in_ + " " + out_, 2, "recipe");
    expect_refused(in_ + " " + out_ + " q9_z", 2, "unknown recipe 'q9_z'; there are: f32, f16, q4_0");
    expect_refused(in_ + " " + in_ + " q8_0", 2, "input and output");
    expect_refused(in_ + " " + out_ + " q8_0 --tensor attn", 2, "REGEX=TYPE");
    expect_refused(in_ + " " + out_ + " q8_0 --tensor zzz=q8_0", 2, "no tensor");
    expect_refused(in_ + " " + out_ + " q8_0 --imatrix " + in_, 2, "importance matrix");
    const std::string matrix = directory_.file("matrix.gguf", "kept as it is");
    expect_refused(in_ + " " + matrix + " q8_0 --imatrix " + directory_.path("./matrix.gguf"), 2,
                   "importance matrix and output");
    EXPECT_EQ(std::filesystem::file_size(matrix), 13u);
    expect_refused("/nonexistent.gguf " + out_ + " q8_0", 1, "/nonexistent.gguf");
    expect_refused(in_ + " /nonexistent/out.gguf q8_0", 1, "/nonexistent/out.gguf");
    expect_refused(in_ + " /dev/full q8_0", 1, "No space left on device");
}

TEST_F(QuantizeCommand, TellsOfAFileThatGrowsBeyondTheLimit) {
    const std::string limited = "sh -c \"trap '' XFSZ; ulimit -f 100; exec \\\"\\$0\\\" \\\"\\$@\\\"\"";
    const Output got = run_tuff("quantize " + in_ + " " + out_ + " f16", limited);
    EXPECT_EQ(got.code, 1) << got.err;
    EXPECT_NE(got.err.find("File too large"), std::string::npos) << got.err;
    EXPECT_EQ(directory_.entries(), 1u);
}

TEST_F(QuantizeCommand, RefusesWhatIsQuantizedAlready) {
    ASSERT_EQ(run_tuff("quantize " + in_ + " " + out_ + " q8_0").code, 0);
    expect_refused(out_ + " " + directory_.path("again.gguf") + " q4_k_m", 2, "--requantize");
    const Output got =
        run_tuff("quantize --requantize " + out_ + " " + directory_.path("again.gguf") + " q4_k_m");
    EXPECT_EQ(got.code, 0) << got.err;
}

TEST_F(QuantizeCommand, ComparesTwoFilesOfAnyTypes) {
    ASSERT_EQ(run_tuff("quantize " + in_ + " " + out_ + " q5_k_m").code, 0);
    const Output same = run_tuff("inspect --compare " + in_ + " " + in_ + " --json -");
    ASSERT_EQ(same.code, 0) << same.err;
    EXPECT_EQ(nlohmann::json::parse(same.out)["total"]["rmse"], 0.0);
    const Output got = run_tuff("inspect --compare " + in_ + " " + out_ + " --json -");
    ASSERT_EQ(got.code, 0) << got.err;
    const nlohmann::json json = nlohmann::json::parse(got.out);
    EXPECT_GT(json["total"]["relative_rmse"], 0.001);
    EXPECT_LT(json["total"]["relative_rmse"], 0.1);
    EXPECT_GT(json["total"]["cosine"], 0.99);
    nlohmann::json worst = json["total"]["worst"];
    const auto of = std::ranges::find(json["tensors"], worst["tensor"],
                                      [](const nlohmann::json& tensor) { return tensor["name"]; });
    ASSERT_NE(of, json["tensors"].end()) << worst;
    worst.erase("tensor");
    EXPECT_EQ((*of)["worst"], worst);
    const Output text = run_tuff("inspect --compare " + in_ + " " + out_);
    for (const char* part : {"tensor", "cosine", "blk.1.ffn_gate_exps.weight", "q5_k", "elements: rmse"})
        EXPECT_NE(text.out.find(part), std::string::npos) << part << '\n' << text.out;
}

TEST_F(QuantizeCommand, ListsTensorsThatOnlyOneFileHas) {
    const std::string longer = directory_.path("longer.gguf");
    write_small_model(longer, 3);
    const Output got = run_tuff("inspect --compare " + in_ + " " + longer);
    ASSERT_EQ(got.code, 0) << got.err;
    const std::size_t at = got.out.find("only in " + longer);
    ASSERT_NE(at, std::string::npos) << got.out;
    EXPECT_NE(got.out.find("blk.2.ffn_down.weight", at), std::string::npos);
}

}  // namespace
}  // namespace tuff::test
