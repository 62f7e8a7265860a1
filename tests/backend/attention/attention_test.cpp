// Attention on this device, both kinds of kernels where it can run them, against the reference.
#include "backend/attention/attention.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/attention_problem.hpp"
#include "tests/backend/kernel_needs.hpp"

namespace tuff::test {
namespace {

using bench::AttentionCase;

// One device for the whole file: kernels compile once.
class SharedSession : public testing::Environment {
  public:
    static inline std::optional<bench::Session> session;

  private:
    void TearDown() override { session.reset(); }
};
[[maybe_unused]] const testing::Environment* const kSharedSession =
    testing::AddGlobalTestEnvironment(new SharedSession);  // owned by the framework

bench::Session& shared_session() {
    if (!SharedSession::session) {
        auto session = bench::Session::open({});
        if (!session) throw std::runtime_error(session.error().message);
        SharedSession::session.emplace(std::move(*session));
    }
    return *SharedSession::session;
}

std::string lacking(CacheKind kind) {
    return lacks(shared_session().snapshot(),
                 kind == CacheKind::lanes ? "attention_lanes" : "attention_wide");
}

AttentionCase plain_case(CacheKind kind, const char* k, const char* v) {
    AttentionCase one;
    one.kind = kind;
    // Drivers that make a gather of every lane-select load compile large heads for minutes.
    const bool folds = shared_session().snapshot().has(host::Feature::uniform_loads);
    const std::uint32_t head = kind == CacheKind::lanes && folds ? 64 : 32;
    one.shape = {1, 1, 4, 2, head, head};
    one.variant.scale = 0.125F;
    one.segments = {{find_cache_format(k), find_cache_format(v), CachePlace::layout, {77}}};
    return one;
}

void run_and_compare(const AttentionCase& one, std::uint64_t seed = 1) {
    SCOPED_TRACE(testing::Message() << cache_kind_name(one.kind) << " " << one.format_text() << " "
                                    << one.text());
    auto problem = bench::AttentionProblem::create(shared_session(), one, seed, 0);
    ASSERT_TRUE(problem) << problem.error().message;
    host::Stream stream(shared_session().device());
    const Result<void> recorded = problem->record(stream, 0);
    ASSERT_TRUE(recorded) << recorded.error().message;
    ASSERT_TRUE(stream.finish());
    for (int replay = 0; replay < 2; replay++) {
        const Result<void> run = stream.run();
        ASSERT_TRUE(run) << run.error().message;
    }
    const auto check = problem->check({});
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_EQ(check->failure, "");
    EXPECT_GT(check->elements_checked, 0u);
    EXPECT_LT(check->error_over_bound, 1);
}

class EveryKind : public testing::TestWithParam<CacheKind> {
  protected:
    void SetUp() override {
        const std::string missing = lacking(GetParam());
        if (!missing.empty()) GTEST_SKIP() << "this device has no " << missing;
    }
};
INSTANTIATE_TEST_SUITE_P(Attention, EveryKind, testing::Values(CacheKind::lanes, CacheKind::wide),
                         [](const auto& parameter) { return std::string(cache_kind_name(parameter.param)); });

TEST_P(EveryKind, MatchesTheReferenceOnOneToken) {
    run_and_compare(plain_case(GetParam(), "f16", "f16"));
}

TEST_P(EveryKind, MergesSplitsAndSegments) {
    AttentionCase one = plain_case(GetParam(), "f16", "f16");
    one.shape.sequences = 2;
    one.segments[0].cells = {203, 1};
    one.segments.push_back({find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout, {9, 40}});
    one.variant.causal = true;
    one.tuning.splits = 3;
    run_and_compare(one);
}

TEST_P(EveryKind, CausalPrefillMatchesTheReference) {
    AttentionCase one = plain_case(GetParam(), "f16", "f16");
    one.shape.tokens = 19;
    one.variant.causal = true;
    run_and_compare(one);
}

// Formats to try: all of them, where pipelines compile in a moment.
std::vector<const CacheFormat*> formats_for(CacheKind kind) {
    std::vector<const CacheFormat*> list;
    if (kind == CacheKind::lanes && !shared_session().snapshot().has(host::Feature::uniform_loads))
        return {find_cache_format("q5_1"), find_cache_format("turbo3")};
    for (const CacheFormat& format : cache_formats()) list.push_back(&format);
    return list;
}

// One row a tile: what decodes K and V is the same for more, and most of what compiling them takes is saved.
AttentionCase single_row_case(CacheKind kind) {
    AttentionCase one = plain_case(kind, "f16", "f16");
    one.shape.heads = one.shape.kv_heads;
    return one;
}

TEST_P(EveryKind, ReadsEveryFormatAsKAndAsV) {
    const auto formats = formats_for(GetParam());
    for (std::size_t i = 0; i < formats.size(); i++) {
        AttentionCase one = single_row_case(GetParam());
        one.segments[0].k = formats[i];
        one.segments[0].v = formats[(i + 1) % formats.size()];
        run_and_compare(one, i);
    }
}

TEST_P(EveryKind, ReadsStridedBlocksOfEveryGgufFormat) {
    const auto formats = formats_for(GetParam());
    const CacheFormat* before = find_cache_format("f16");
    for (const CacheFormat* format : formats) {
        if (format->type_id == CacheFormat::kOwnType) continue;
        AttentionCase one = single_row_case(GetParam());
        one.segments[0].place = CachePlace::blocks;
        one.segments[0].k = format;
        one.segments[0].v = before;
        before = format;
        run_and_compare(one);
    }
}

TEST_P(EveryKind, TakesVAsAViewOfK) {
    for (const char* format : {"f16", "kv4"}) {
        AttentionCase one = plain_case(GetParam(), format, format);
        one.segments[0].place = CachePlace::shared;
        one.shape.k_head = one.shape.v_head + 32;
        run_and_compare(one);
    }
}

TEST_P(EveryKind, AppliesEveryVariant) {
    AttentionCase one = plain_case(GetParam(), "f16", "f16");
    one.shape.tokens = 3;
    one.variant.causal = true;
    one.variant.window = 20;
    one.variant.sinks = true;
    run_and_compare(one);
    one.tuning.splits = 2;
    run_and_compare(one);
    one.variant = {};
    one.variant.softcap = 3;
    one.magnitude = 8;
    run_and_compare(one);
    one.variant = {};
    one.variant.alibi = true;
    run_and_compare(one);
    one.variant.mask = GivenMask::f16;
    run_and_compare(one);
    one.variant.mask = GivenMask::f32;
    one.segments.push_back(one.segments.front());
    run_and_compare(one);
}

TEST_P(EveryKind, HandlesOddHeadsGroupsAndLengths) {
    AttentionCase one = plain_case(GetParam(), "f16", "kv6");
    one.shape.sequences = 3;
    one.shape.tokens = 5;
    one.shape.heads = 6;
    one.shape.kv_heads = 2;
    one.shape.k_head = 40;
    one.shape.v_head = 24;
    one.segments[0].cells = {1, 0, 131};
    run_and_compare(one);
}

TEST_P(EveryKind, RefusesOperandsThatAreTooSmallAndLeavesTheStreamAsItWas) {
    host::Device& device = shared_session().device();
    const AttentionSegment segment{find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout,
                                   64};
    const auto plan =
        plan_attention(device.snapshot(), GetParam(), {1, 1, 2, 1, 32, 32}, {}, std::span(&segment, 1));
    ASSERT_TRUE(plan) << plan.error().message;
    auto small = device.allocate(host::Intent::scratch, 64, "small");
    ASSERT_TRUE(small);
    host::Stream stream(device);
    const AttentionCells cells{{&*small, 0}, {&*small, 0}, 64, {}, {}, {&*small, 0}};
    AttentionOperands operands;
    operands.segments = std::span(&cells, 1);
    operands.q = {{&*small, 0}};
    operands.y = operands.scratch = {&*small, 0};
    const auto recorded = record_attention(stream, device, *plan, operands);
    ASSERT_FALSE(recorded);
    EXPECT_EQ(recorded.error().code, ErrorCode::usage);
    EXPECT_EQ(stream.command_count(), 0u);
}

}  // namespace
}  // namespace tuff::test
