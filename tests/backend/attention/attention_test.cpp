// Attention on this device, both kinds of kernels where it can run them, against the reference.
#include "backend/attention/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "backend/half.hpp"
#include "bench/attention_problem.hpp"
#include "host/transfer.hpp"
#include "tests/backend/kernel_needs.hpp"
#include "tests/bench/shared_session.hpp"

namespace tuff::test {
namespace {

using bench::AttentionCase;

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

TEST_P(EveryKind, MergesMoreRowsThanALaunchHasWorkgroups) {
    const std::uint32_t most = shared_session().snapshot().limits.max_workgroup_count[0];
    if (most > 1U << 17)
        GTEST_SKIP() << "this device launches " << most << " workgroups: too many rows to try";
    AttentionCase one = plain_case(GetParam(), "kv8", "kv8");
    one.shape = {1, most / 32 + 2, 32, 2, 8, 8};
    one.tuning.splits = 2;
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

// A plan over 64 cells of 2 KV heads, with buffers that are just large enough; each test spoils one thing.
struct Exact {
    host::Buffer q, k, v, spans, mask, y, scratch;
    AttentionPlan plan;
    AttentionCells cells;
    std::vector<std::uint64_t> segment_bytes;
    AttentionOperands operands;
};

constexpr std::uint32_t kExactCells = 64, kExactTokens = 3, kExactHeads = 2, kExactRow = 32 * 4;

void make_exact(CacheKind kind, CachePlace place, const char* format_name, GivenMask mask, Exact& made) {
    host::Device& device = shared_session().device();
    const CacheFormat* format = find_cache_format(format_name);
    const AttentionSegment segment{format, format, place, kExactCells};
    AttentionVariant variant;
    variant.mask = mask;
    auto plan = plan_attention(device.snapshot(), kind, {1, kExactTokens, kExactHeads, kExactHeads, 32, 32},
                               variant, std::span(&segment, 1));
    ASSERT_TRUE(plan) << plan.error().message;
    made.plan = std::move(*plan);
    const std::uint64_t side = std::uint64_t{kExactCells} * kExactHeads * format->row_bytes(32);
    const std::uint64_t mask_row = kExactCells * (mask == GivenMask::f16 ? 2 : 4);
    for (const auto& [buffer, bytes] :
         {std::pair(&made.q, std::uint64_t{kExactTokens} * kExactHeads * kExactRow),
          {&made.y, std::uint64_t{kExactTokens} * kExactHeads * kExactRow},
          {&made.k, side},
          {&made.v, side},
          {&made.spans, sizeof(CacheSpan)},
          {&made.mask, kExactTokens * mask_row},
          {&made.scratch, made.plan.scratch_bytes}}) {
        auto allocated = device.allocate(host::Intent::scratch, bytes, "operand");
        ASSERT_TRUE(allocated) << allocated.error().message;
        *buffer = std::move(*allocated);
    }
    made.cells = {{&made.k, 0}, {&made.v, 0}, kExactCells, {}, {}, {&made.spans, 0}};
    if (place == CachePlace::blocks) {
        const std::uint64_t row = format->row_bytes(32);
        made.cells.k_rows = made.cells.v_rows = {row, kExactCells * row, 0};
    }
    made.segment_bytes = {0};
    made.operands.q = {{&made.q, 0}};
    made.operands.segments = std::span(&made.cells, 1);
    made.operands.y = {&made.y, 0};
    made.operands.scratch = {&made.scratch, 0};
    if (mask == GivenMask::none) return;
    made.operands.mask = {{&made.mask, 0}, mask_row, 0, 0, made.segment_bytes};
}

// The refusal's message; empty where there is none.
std::string refusal(const Exact& exact) {
    host::Stream stream(shared_session().device());
    const Result<void> recorded =
        record_attention(stream, shared_session().device(), exact.plan, exact.operands);
    if (recorded) return {};
    EXPECT_EQ(recorded.error().code, ErrorCode::usage);
    EXPECT_EQ(stream.command_count(), 0u);
    return recorded.error().message;
}

// Tiles that a mask hides from all rows are not read: values in them that are no numbers would show.
TEST_P(EveryKind, PassesOverTilesThatAMaskHides) {
    host::Device& device = shared_session().device();
    const auto put = [&](host::Buffer& buffer, const auto& values) {
        const auto uploaded = host::upload(device, buffer, 0, std::as_bytes(std::span(values)));
        ASSERT_TRUE(uploaded) << uploaded.error().message;
    };
    for (const GivenMask mask : {GivenMask::f16, GivenMask::f32}) {
        Exact exact;
        ASSERT_NO_FATAL_FAILURE(make_exact(GetParam(), CachePlace::layout, "f32", mask, exact));
        const auto layout = CacheLayout::make(GetParam(), CacheSide::v, find_cache_format("f32")->row(32),
                                              kExactHeads, kExactCells);
        ASSERT_TRUE(layout) << layout.error().message;
        std::vector<std::byte> v(layout->bytes());
        std::vector<float> bias;
        for (std::uint32_t cell = 0; cell < kExactCells; cell++) {
            const bool hidden = cell >= kExactCells / 2;
            const std::vector<float> row(32, hidden ? std::numeric_limits<float>::quiet_NaN() : 3);
            for (std::uint32_t head = 0; head < kExactHeads; head++)
                layout->pack(head, cell, 1, std::as_bytes(std::span(row)), v);
            bias.push_back(hidden ? -std::numeric_limits<float>::infinity() : 0);
        }
        std::vector<std::uint16_t> halves;
        std::ranges::transform(bias, std::back_inserter(halves), float_to_half);
        put(exact.q, std::vector<float>(exact.q.size() / sizeof(float)));
        put(exact.k, std::vector<std::byte>(exact.k.size()));
        put(exact.v, v);
        put(exact.spans, std::vector<CacheSpan>{{kExactCells, 0, 0, 0}});
        if (mask == GivenMask::f16)
            put(exact.mask, halves);
        else
            put(exact.mask, bias);
        exact.operands.mask.token_stride = 0;  // the same for every token
        host::Stream stream(device);
        const auto recorded = record_attention(stream, device, exact.plan, exact.operands);
        ASSERT_TRUE(recorded) << recorded.error().message;
        for (const auto& step : {stream.finish(), stream.run()}) ASSERT_TRUE(step) << step.error().message;
        std::vector<float> y(exact.y.size() / sizeof(float));
        const auto read = host::readback(device, exact.y, 0, std::as_writable_bytes(std::span(y)));
        ASSERT_TRUE(read) << read.error().message;
        for (const float value : y) EXPECT_FLOAT_EQ(value, 3);
    }
}

// What an earlier command of the stream writes for the second segment alone must not make the launches over
// the first one the last that anything waits for.
TEST_P(EveryKind, WaitsForWhatEachSegmentsMaskHides) {
    host::Device& device = shared_session().device();
    Exact exact;
    ASSERT_NO_FATAL_FAILURE(make_exact(GetParam(), CachePlace::layout, "f16", GivenMask::f16, exact));
    const std::vector<AttentionSegment> segments(2, exact.plan.parts[0].segment);
    const auto plan =
        plan_attention(device.snapshot(), GetParam(), exact.plan.shape, exact.plan.variant, segments);
    ASSERT_TRUE(plan) << plan.error().message;
    auto spans = device.allocate(host::Intent::scratch, sizeof(CacheSpan), "spans");
    auto scratch = device.allocate(host::Intent::scratch, plan->scratch_bytes, "scratch");
    ASSERT_TRUE(spans && scratch);
    const AttentionCells both[] = {exact.cells,
                                   {exact.cells.k, exact.cells.v, kExactCells, {}, {}, {&*spans, 0}}};
    exact.operands.segments = both;
    exact.operands.mask.segment_bytes = {};
    exact.operands.scratch = {&*scratch, 0};
    host::Stream stream(device);
    ASSERT_TRUE(stream.fill(*spans, 0, sizeof(CacheSpan), 0));
    const auto recorded = record_attention(stream, device, *plan, exact.operands);
    ASSERT_TRUE(recorded) << recorded.error().message;
    // Before the second look at the mask, before what it found is used, before the merge; or, where nobody
    // looks ahead, before queries are used and before the merge.
    EXPECT_EQ(stream.barrier_count(), GetParam() == CacheKind::lanes ? 3U : 2U);
    ASSERT_TRUE(stream.finish());
    ASSERT_TRUE(stream.run());
}

TEST_P(EveryKind, RefusesMasksThatRowsReachPastOrThatAreMisaligned) {
    for (const GivenMask mask : {GivenMask::f16, GivenMask::f32}) {
        const std::uint64_t value = mask == GivenMask::f16 ? 2 : 4;
        Exact exact;
        ASSERT_NO_FATAL_FAILURE(make_exact(GetParam(), CachePlace::layout, "f16", mask, exact));
        EXPECT_EQ(refusal(exact), "");
        const AttentionMaskOperand fits = exact.operands.mask;
        const auto refuses = [&](const auto& spoil) {
            exact.operands.mask = fits;
            exact.segment_bytes = {0};
            spoil(exact.operands.mask);
            return refusal(exact).find("mask") != std::string::npos;
        };
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.at.offset = value; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.token_stride += value; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.head_stride = value; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand&) { exact.segment_bytes[0] = value; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand&) { exact.segment_bytes[0] = ~std::uint64_t{7}; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.token_stride -= value / 2; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.sequence_stride = value / 2; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.at.offset = value / 2; }));
        EXPECT_TRUE(refuses([&](AttentionMaskOperand& m) { m.token_stride = std::uint64_t{1} << 32; }));
        // Rows may overlap.
        EXPECT_FALSE(refuses([&](AttentionMaskOperand& m) { m.token_stride = value; }));
    }
}

TEST_P(EveryKind, RefusesStridedRowsThatHeadsReachPastOrThatAreMisaligned) {
    for (const char* format : {"f32", "f16", "q8_0"}) {
        SCOPED_TRACE(format);
        Exact exact;
        ASSERT_NO_FATAL_FAILURE(make_exact(GetParam(), CachePlace::blocks, format, GivenMask::none, exact));
        EXPECT_EQ(refusal(exact), "");
        const AttentionCells fits = exact.cells;
        const std::uint64_t grain = format == std::string_view("f32") ? 4 : 2;
        for (const bool k : {true, false}) {
            const auto refuses = [&](std::uint64_t offset, std::uint64_t head_stride) {
                exact.cells = fits;
                (k ? exact.cells.k : exact.cells.v).offset = offset;
                (k ? exact.cells.k_rows : exact.cells.v_rows).head_stride = head_stride;
                return refusal(exact).find(k ? "K" : "V") != std::string::npos;
            };
            const std::uint64_t row = fits.k_rows.position_stride, farthest = exact.k.size() - row;
            EXPECT_FALSE(refuses(0, farthest));
            EXPECT_TRUE(refuses(0, farthest + grain));
            EXPECT_FALSE(refuses(grain, farthest - grain));
            EXPECT_TRUE(refuses(grain / 2, 0));
            EXPECT_TRUE(refuses(0, grain / 2));
        }
    }
}

}  // namespace
}  // namespace tuff::test
