// `tuff load` as a user meets it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "backend/gguf.hpp"
#include "backend/load/xxh64.hpp"
#include "host/memory.hpp"
#include "tests/backend/quantize/small_model.hpp"
#include "tests/temporary_directory.hpp"
#include "tests/tools/command.hpp"

namespace tuff::test {
namespace {

using Json = nlohmann::json;

class LoadCommand : public testing::Test {
  protected:
    LoadCommand() { write_small_model(model_, 4); }

    Json loaded(const std::string& arguments) const {
        const Output got = run_tuff("load " + model_ + " " + arguments + " --json -");
        EXPECT_EQ(got.code, 0) << arguments << '\n' << got.err;
        Json json = Json::parse(got.out, nullptr, false);
        EXPECT_FALSE(json.is_discarded()) << got.out;
        return json;
    }
    void expect_refused(const std::string& arguments, int code, std::string_view message) const {
        const Output got = run_tuff("load " + arguments);
        EXPECT_EQ(got.code, code) << arguments << '\n' << got.err;
        EXPECT_NE(got.err.find(message), std::string::npos) << arguments << '\n' << got.err;
    }
    [[nodiscard]] std::string card(std::uint64_t bytes) const {
        return "--caps " +
               directory_.file("card.json",
                               "{\"simulated_card\": {\"memory_bytes\": " + std::to_string(bytes) + "}}");
    }

    TemporaryDirectory directory_;
    std::string model_ = directory_.path("model.gguf");
};

TEST_F(LoadCommand, LoadsEveryByteByEveryWayAndSaysHow) {
    const auto file = GgufFile::open(model_);
    ASSERT_TRUE(file) << file.error().message;
    std::uint64_t bytes = 0;
    for (const GgufTensor& tensor : file->tensors()) bytes += tensor.bytes;
    for (const std::string way : {"auto", "mapped", "buffered"}) {
        const Json json = loaded("--checksums --way " + way);
        EXPECT_EQ(json.at("bytes"), bytes);
        if (way == "auto") {
            EXPECT_NE(json.at("why"), "asked for");
            EXPECT_NE(json.at("why"), "");
        } else {
            EXPECT_EQ(json.at("way"), way);
            EXPECT_EQ(json.at("why"), "asked for");
        }
        EXPECT_GT(json.at("gbps").get<double>(), 0);
        EXPECT_GE(json.at("device_bytes").get<std::uint64_t>(), bytes);
        EXPECT_EQ(json.at("host_bytes"), 0);
        EXPECT_TRUE(json.at("left_out").empty());
        ASSERT_EQ(json.at("checksums").size(), file->tensors().size());
        for (const Json& one : json.at("checksums")) {
            const GgufTensor* tensor = file->find_tensor(one.at("tensor").get<std::string>());
            ASSERT_NE(tensor, nullptr) << one;
            Xxh64 sum;
            sum.add(file->data(*tensor));
            EXPECT_EQ(one.at("xxh64"), fmt::format("{:016x}", sum.value())) << one;
        }
    }
}

TEST_F(LoadCommand, StreamsWhatABudgetDoesNotHold) {
    const std::string on = card(std::uint64_t{64} << 20);
    const Output first = run_tuff("load " + model_ + " " + on);
    if (first.err.find("a card is simulated on a device that shares its memory") != std::string::npos ||
        first.err.find("has no memory type for simulating a card") != std::string::npos)
        GTEST_SKIP() << first.err;
    ASSERT_EQ(first.code, 0) << first.err;
    const Json all = loaded(on + " --rates --passes 2");
    EXPECT_EQ(all.at("streamed_units"), 0);
    EXPECT_EQ(all.at("stream").at("bytes"), 0);
    EXPECT_GT(all.at("share_of_slower").get<double>(), 0);
    const auto needed = all.at("device_bytes").get<std::uint64_t>();
    const Json some = loaded(on + " --passes 2 --budget " + std::to_string(needed * 2 / 3));
    EXPECT_GT(some.at("streamed_units").get<int>(), 0);
    EXPECT_LE(some.at("device_bytes").get<std::uint64_t>(), needed * 2 / 3);
    EXPECT_GT(some.at("stream").at("bytes").get<std::uint64_t>(), 0u);
    EXPECT_GT(some.at("stream").at("gbps").get<double>(), 0);
    EXPECT_GT(some.at("host_bytes").get<std::uint64_t>(), 0u);
    const Output text =
        run_tuff("load " + model_ + " " + on + " --passes 2 --budget " + std::to_string(needed * 2 / 3));
    EXPECT_EQ(text.code, 0) << text.err;
    for (const char* part : {"streamed", "slots of", "a pass at", "overlap"})
        EXPECT_NE(text.out.find(part), std::string::npos) << part << '\n' << text.out;
    expect_refused(model_ + " " + on + " --budget 1000", 1, "this model needs at least ");
}

// Of experts that a budget does not hold only those come that a token uses, and only if they are not there.
TEST_F(LoadCommand, BringsTheExpertsThatATokenUses) {
    constexpr std::uint64_t kLayers = 4, kExperts = 8, kUsed = 2, kPasses = 20;
    write_small_moe(model_, kLayers, kExperts, kUsed);
    const std::string on = card(std::uint64_t{64} << 20);
    const Output first = run_tuff("load " + model_ + " " + on);
    if (first.err.find("a card is simulated on a device that shares its memory") != std::string::npos ||
        first.err.find("has no memory type for simulating a card") != std::string::npos)
        GTEST_SKIP() << first.err;
    const Json all = loaded(on + " --passes 1");
    EXPECT_EQ(all.at("expert_slots"), 0);
    EXPECT_EQ(all.at("expert_hits").get<int>() + all.at("expert_misses").get<int>(), 0);
    const auto needed = all.at("device_bytes").get<std::uint64_t>();
    std::uint64_t more_slots = 0, more_hits = 0;
    for (const std::uint64_t part : {6, 8, 9}) {
        const std::uint64_t budget = needed * part / 10;
        SCOPED_TRACE(testing::Message() << budget << " of " << needed);
        const Json some =
            loaded(on + " --passes " + std::to_string(kPasses) + " --budget " + std::to_string(budget));
        EXPECT_LE(some.at("device_bytes").get<std::uint64_t>(), budget);
        EXPECT_EQ(some.at("streamed_units"), kLayers * kExperts);
        const auto slots = some.at("expert_slots").get<std::uint64_t>();
        const auto slot_bytes = some.at("expert_slot_bytes").get<std::uint64_t>();
        EXPECT_GT(slots, more_slots);
        EXPECT_GT(some.at("device_bytes").get<std::uint64_t>() + slot_bytes, budget);  // no slot more
        EXPECT_GE(some.at("host_bytes").get<std::uint64_t>(), kLayers * kExperts * slot_bytes);
        const auto hits = some.at("expert_hits").get<std::uint64_t>();
        const auto misses = some.at("expert_misses").get<std::uint64_t>();
        EXPECT_EQ(hits + misses, kPasses * kLayers * kUsed);
        EXPECT_GE(hits, more_hits);
        more_slots = slots;
        more_hits = hits;
        EXPECT_EQ(some.at("stream").at("bytes"), misses * (slot_bytes - host::kTailBytes) / kPasses);
    }
    EXPECT_GT(more_hits, 0u);
    const std::string streamed = on + " --budget " + std::to_string(needed * 8 / 10);
    const auto file = GgufFile::open(model_);
    ASSERT_TRUE(file) << file.error().message;
    const GgufTensor& stack = *file->find_tensor("blk.2.ffn_down_exps.weight");
    std::uint64_t found = 0;
    const Json sums = loaded(streamed + " --checksums");
    for (const Json& one : sums.at("checksums"))
        for (std::uint64_t e = 0; e < kExperts; e++) {
            if (one.at("tensor") != fmt::format("{}[{}]", stack.name, e)) continue;
            Xxh64 sum;
            sum.add(file->data(stack).subspan(stack.bytes / kExperts * e, stack.bytes / kExperts));
            EXPECT_EQ(one.at("xxh64"), fmt::format("{:016x}", sum.value())) << one;
            found++;
        }
    EXPECT_EQ(found, kExperts);
    const Output text = run_tuff("load " + model_ + " " + streamed + " --passes 2");
    EXPECT_EQ(text.code, 0) << text.err;
    for (const char* part : {"for experts in it", "chosen at random", "slots for them"})
        EXPECT_NE(text.out.find(part), std::string::npos) << part << '\n' << text.out;
}

TEST_F(LoadCommand, EndsInOrderWhenInterrupted) {
    // One signal that comes before the program listens, or a second one after, ends it as any other. So it
    // gets one only (timeout sends two unless it is in the foreground), and more time where it starts slowly.
    constexpr int kEndedByTheSignal = 128 + 2;
    Output got;
    for (const char* seconds : {"1", "5", "25"}) {
        got = run_tuff("load " + model_ + " --passes 100000",
                       std::string("timeout --foreground --preserve-status --signal=INT ") + seconds);
        if (got.code != kEndedByTheSignal) break;
    }
    EXPECT_EQ(got.code, 1);
    EXPECT_EQ(got.out, "");
    EXPECT_NE(got.err.find("was cancelled"), std::string::npos) << got.err;
}

TEST_F(LoadCommand, RefusesWithAMessage) {
    expect_refused("", 2, "FILE is required");
    expect_refused("/nonexistent.gguf", 1, "/nonexistent.gguf");
    expect_refused(model_ + " --way sideways", 2, "unknown way to load 'sideways'");
    expect_refused(model_ + " --budget 8Gigs", 2, "'8Gigs' is not a number of bytes");
    expect_refused(model_ + " --passes 0", 2, "--passes");
    expect_refused(TUFF_TEST_DATA "/gguf/bad_magic.gguf", 1, "bad_magic.gguf");
}

}  // namespace
}  // namespace tuff::test
