#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/temporary_directory.hpp"
#include "tests/tools/command.hpp"

namespace tuff::test {
namespace {

using Json = nlohmann::json;

// A plan needs no device where a budget is given.
Json planned(const std::string& arguments) {
    const Output got = run_tuff("plan " + arguments + " --json -", kNoDevice);
    EXPECT_EQ(got.code, 0) << arguments << '\n' << got.err;
    EXPECT_EQ(got.err, "") << arguments;
    Json json = Json::parse(got.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << got.out;
    return json;
}

void expect_refused(const std::string& arguments, int code, std::string_view message) {
    const Output got = run_tuff("plan " + arguments, kNoDevice);
    EXPECT_EQ(got.code, code) << arguments << '\n' << got.err;
    EXPECT_EQ(got.out, "") << arguments;
    EXPECT_NE(got.err.find(message), std::string::npos) << arguments << '\n' << got.err;
}

TEST(PlanCommand, SaysWhatFitsWithoutADevice) {
    const Json json =
        planned("--preset qwen2.5-7b --context 32768 --budget 24GiB --bandwidth 900 --rate 40000");
    EXPECT_EQ(json.at("weights_bytes"), 4'677'120'000u);
    EXPECT_EQ(json.at("kv_bytes"), 1792u << 20);
    EXPECT_EQ(json.at("scores_bytes"), 0u);
    EXPECT_EQ(json.at("streamed_units"), 0u);
    EXPECT_EQ(json.at("resident_units"), 30u);
    EXPECT_EQ(json.at("max_context"), 131072u);
    EXPECT_GT(json.at("scratch_bytes").get<double>(), 0);
    EXPECT_GT(json.at("decode_tps").get<double>(), json.at("sequences").get<double>());
    EXPECT_EQ(json.at("decode_limit"), "memory bandwidth");
    EXPECT_EQ(json.at("prefill_limit"), "the multiply-add rate");
    std::uint64_t sum = 0;
    for (const char* part : {"weights_bytes", "layout_bytes", "kv_bytes", "state_bytes", "scores_bytes",
                             "scratch_bytes", "activation_bytes", "logits_bytes"})
        sum += json.at(part).get<std::uint64_t>();
    EXPECT_EQ(json.at("total_bytes"), sum);
}

TEST(PlanCommand, StreamsWhatDoesNotFitAndLeavesUnknownSpeedsOut) {
    const Json json = planned("--preset llama-3.1-70b --context 8192 --budget 24GiB");
    EXPECT_GT(json.at("streamed_units").get<int>(), 0);
    EXPECT_LE(json.at("device_bytes").get<std::uint64_t>(), std::uint64_t{24} << 30);
    EXPECT_TRUE(json.at("decode_tps").is_null());
    EXPECT_TRUE(json.at("prefill_tps").is_null());
}

TEST(PlanCommand, PrintsATable) {
    const Output got = run_tuff("plan --preset mixtral-8x7b --budget 16GiB --advise", kNoDevice);
    EXPECT_EQ(got.code, 0) << got.err;
    for (const char* part : {"46,702,792,704 parameters", "cache", "total", "max context",
                             "experts of layers", "streamed", "decode", "ppl loss", "Start with"})
        EXPECT_NE(got.out.find(part), std::string::npos) << part << '\n' << got.out;
}

TEST(PlanCommand, AdvisesTheUsualWeightsFirst) {
    const Json json = planned("--preset llama-3.1-8b --context 8192 --budget 8GiB --advise");
    const Json& candidates = json.at("advice").at("candidates");
    double loss = 0;
    std::string start;
    for (const Json& one : candidates) {
        EXPECT_GE(one.at("perplexity_loss_percent").get<double>(), loss);
        loss = one.at("perplexity_loss_percent");
        EXPECT_EQ(one.at("all_resident"), true);
        EXPECT_LE(one.at("total_bytes").get<std::uint64_t>(), std::uint64_t{8} << 30);
        if (one.at("start") == true) start = one.at("weights");
    }
    EXPECT_EQ(start, "q4_k_m");
    EXPECT_FALSE(json.at("advice").at("moves").empty());
}

TEST(PlanCommand, ReadsConfigsAndFiles) {
    const TemporaryDirectory directory;
    const std::string config =
        directory.file("config.json", R"({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 256,
                           "intermediate_size": 512, "num_attention_heads": 4, "vocab_size": 1000,
                           "max_position_embeddings": 4096})");
    EXPECT_EQ(planned("--config " + config + " --weights f32 --budget 1GiB").at("weights_bytes"),
              (2 * (4 * 256 * 256 + 3 * 256 * 512 + 2 * 256) + 2 * 1000 * 256 + 256) * 4);
    expect_refused("--model " TUFF_TEST_DATA "/gguf/ok_one_f32.gguf --budget 1GiB", 1,
                   "'llama.block_count' is missing");
    expect_refused("--model " TUFF_TEST_DATA "/gguf/bad_magic.gguf --budget 1GiB", 1, "bad_magic.gguf");
    expect_refused("--config /nonexistent/config.json --budget 1GiB", 1, "/nonexistent/config.json");
    expect_refused("--config " + directory.file("bad.json", R"({"model_type": "llama", "hidden_size": -5})") +
                       " --budget 1GiB",
                   1, "'num_hidden_layers' is missing");
}

TEST(PlanCommand, RefusesWhatIsWrongWithTheNumbersThatWouldDo) {
    expect_refused("--budget 8GiB", 2, "one of --model, --config and --preset");
    expect_refused("--preset qwen3-8b --config x --budget 8GiB", 2, "one of --model, --config and --preset");
    expect_refused("--preset gpt-9 --budget 8GiB", 2, "unknown preset 'gpt-9'; there are: llama-3.1-8b");
    expect_refused("--preset qwen3-8b --budget 8Gigs", 2, "'8Gigs' is not a number of bytes");
    expect_refused("--preset qwen3-8b --budget 8GiB --weights q9_z", 2,
                   "unknown weights 'q9_z'; there are: ");
    expect_refused("--preset qwen3-8b --budget 8GiB --kv-k q9_z", 2, "unknown cache format 'q9_z'");
    expect_refused("--preset qwen3-8b --budget 8GiB --flash-attention maybe", 2, "--flash-attention");
    expect_refused("--preset qwen3-8b --budget 8GiB --context 40961", 2,
                   "beyond the 40960 positions of qwen3-8b");
    expect_refused("--preset qwen3-8b --budget 8GiB --context 0", 2, "a context of 0 tokens");
    expect_refused("--preset qwen3-8b --budget 8GiB --context -1", 2, "'-1' is not a size");
    expect_refused("--preset qwen3-8b --budget 100MiB", 1, "the smallest budget that works is ");
    expect_refused("--preset qwen3-8b --budget 8GiB --margin 8GiB", 1, "the smallest budget that works is ");
    expect_refused("--preset qwen3-8b", 1, "with --budget a plan needs no device");
}

}  // namespace
}  // namespace tuff::test
