#include "backend/attention/attention_plan.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "tests/host/test_devices.hpp"

namespace tuff::test {
namespace {

using host::DeviceSnapshot;
using host::test::kMiB;

struct Target {
    DeviceSnapshot device;
    CacheKind kind{};
};

// A software device that folds uniform loads, one that does not, a card, and the least that Vulkan allows.
std::vector<Target> targets() {
    DeviceSnapshot software = host::test::bare("software", host::DeviceType::cpu);
    software.subgroup = {4, 4, 4, 64};
    DeviceSnapshot least = host::test::bare("least", host::DeviceType::integrated);
    least.limits.shared_memory_bytes = 16384;
    least.limits.max_workgroup_invocations = 128;
    return {{host::test::lane_device(), CacheKind::lanes},
            {software, CacheKind::wide},
            {host::test::discrete_resizable_bar(), CacheKind::wide},
            {least, CacheKind::wide}};
}

AttentionPlan plan(const Target& target, const AttentionShape& shape, std::string_view format,
                   std::uint64_t cells, CachePlace place = CachePlace::layout) {
    AttentionVariant variant;
    variant.causal = true;
    const AttentionSegment segment{find_cache_format(format), find_cache_format(format), place, cells};
    const Result<AttentionPlan> made =
        plan_attention(target.device, target.kind, shape, variant, std::span(&segment, 1));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : AttentionPlan{};
}

// Heads of Qwen2.5-7B, Llama-3 8B and 70B, gpt-oss, Gemma-2 9B.
AttentionShape heads(std::size_t model, std::uint32_t tokens) {
    constexpr std::uint32_t kHeads[][3] = {
        {28, 4, 128}, {32, 8, 128}, {64, 8, 128}, {64, 8, 64}, {16, 8, 256}};
    const auto& [all, kv, dim] = kHeads[model];
    return {1, tokens, all, kv, dim, dim};
}

TEST(AttentionPlan, NeedsLittleMemoryBesideALongCache) {
    constexpr std::uint64_t kDepth = 131072;
    for (const Target& target : targets())
        for (const CacheFormat& one : cache_formats()) {
            const std::string_view format = one.name;
            for (std::size_t model = 0; model < 5; model++) {
                for (const std::uint32_t tokens : {1U, 4U, 8U})
                    EXPECT_LT(plan(target, heads(model, tokens), format, kDepth).scratch_bytes, 16 * kMiB)
                        << target.device.name << ' ' << format << ' ' << model << ' ' << tokens;
                for (const std::uint32_t tokens : {16U, 63U, 512U})
                    EXPECT_LT(plan(target, heads(model, tokens), format, kDepth).scratch_bytes, 64 * kMiB)
                        << target.device.name << ' ' << format << ' ' << model << ' ' << tokens;
            }
            // DeepSeek-V3: all heads share the latent K, of which V is a view.
            const AttentionShape latent{1, 1, 128, 1, 576, 512};
            EXPECT_LT(plan(target, latent, format, kDepth, CachePlace::shared).scratch_bytes, 16 * kMiB)
                << target.device.name << ' ' << format;
        }
}

TEST(AttentionPlan, RemembersWhatMasksHideInABitForATile) {
    for (const Target& target : targets()) {
        const AttentionShape shape{2, 512, 32, 8, 128, 128};
        const AttentionSegment segments[] = {
            {find_cache_format("q8_0"), find_cache_format("q8_0"), CachePlace::layout, 131072},
            {find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout, 255}};
        AttentionVariant masked;
        masked.mask = GivenMask::f16;
        const auto plain = plan_attention(target.device, target.kind, shape, {}, segments);
        const auto with = plan_attention(target.device, target.kind, shape, masked, segments);
        ASSERT_TRUE(plain && with);
        std::uint64_t bits = 0;
        if (target.kind == CacheKind::lanes)
            for (const std::uint64_t words : {513, 1}) bits += 2 * 8 * std::uint64_t{with->tiles} * words * 4;
        EXPECT_EQ(with->partial_offset - with->query_bytes, bits) << target.device.name;
        EXPECT_EQ(with->scratch_bytes, plain->scratch_bytes + bits) << target.device.name;
        for (std::size_t i = 0; i < 2; i++)
            EXPECT_EQ(with->parts[i].visible_words, bits == 0 ? 0U : i == 0 ? 513U : 1U);
    }
    // As many as 32 bits number.
    const AttentionSegment endless{find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout,
                                   std::uint64_t{1} << 27};
    AttentionVariant masked;
    masked.mask = GivenMask::f32;
    for (const Target& target : targets()) {
        const auto made = plan_attention(target.device, target.kind, {1, 1 << 15, 32, 8, 128, 128}, masked,
                                         std::span(&endless, 1));
        EXPECT_EQ(made.has_value(), target.kind == CacheKind::wide) << target.device.name;
        if (!made) {
            EXPECT_NE(made.error().message.find("134217728 cells"), std::string::npos)
                << made.error().message;
        }
    }
}

TEST(AttentionPlan, SplitsDecodingUntilEveryUnitHasWorkAndPrefillNot) {
    for (const Target& target : targets()) {
        const bool serial = target.kind == CacheKind::wide && host::software(target.device);
        const AttentionPlan decode = plan(target, heads(1, 1), "f16", 32768);
        EXPECT_EQ(decode.slots > 1, !serial) << target.device.name;
        EXPECT_EQ(decode.tiles, 1U) << target.device.name;  // all heads of a group read K and V once
        EXPECT_TRUE(plan(target, heads(1, 2048), "f16", 32768).direct()) << target.device.name;
        EXPECT_TRUE(plan(target, heads(1, 1), "f16", 100).direct()) << target.device.name;
    }
}

TEST(AttentionPlan, PacksTheTokensOfASmallBatchIntoTilesThatReadTheCacheOnce) {
    const std::vector<Target> all = targets();
    for (const Target& target : {all[2], all[3]})
        for (const std::uint32_t tokens : {2U, 3U}) {
            const AttentionPlan packed = plan(target, heads(0, tokens), "q8_0", 8192);
            EXPECT_LE(packed.tiles, target.device.limits.shared_memory_bytes < 32768 ? 6U : 2U);
            EXPECT_GE(packed.tiles * packed.tile_rows, tokens * 7);
        }
}

TEST(AttentionPlan, NamesWhatDoesNotFit) {
    const Target target = targets().front();
    const auto refusal = [&](const AttentionShape& shape, const char* format) {
        const AttentionSegment segment{find_cache_format(format), find_cache_format(format),
                                       CachePlace::layout, 64};
        const auto made = plan_attention(target.device, target.kind, shape, {}, std::span(&segment, 1));
        return made ? std::string() : made.error().message;
    };
    EXPECT_NE(refusal({1, 1, 4, 2, 60, 64}, "f16").find("multiples of 8"), std::string::npos);
    EXPECT_NE(refusal({1, 1, 4, 2, 64, 584}, "f16").find("584"), std::string::npos);
    EXPECT_NE(refusal({1, 1, 5, 2, 64, 64}, "f16").find("5 heads"), std::string::npos);
    EXPECT_NE(refusal({1, 0, 4, 2, 64, 64}, "f16").find("0 tokens"), std::string::npos);
    EXPECT_NE(refusal({1, 1, 4, 2, 72, 72}, "q4_0"), "");
    EXPECT_EQ(refusal({1, 1, 4, 2, 72, 72}, "kv4"), "");
}

TEST(AttentionPlan, RefusesWindowsThatKernelsCannotCount) {
    const Target target = targets().front();
    const AttentionSegment segment{find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout,
                                   64};
    const auto with = [&](std::uint64_t window) {
        AttentionVariant variant;
        variant.window = static_cast<std::uint32_t>(window);
        return plan_attention(target.device, target.kind, {1, 1, 4, 2, 64, 64}, variant,
                              std::span(&segment, 1));
    };
    EXPECT_TRUE(with(kMaxWindow));
    const auto refused = with(kMaxWindow + 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
}

TEST(AttentionPlan, NamesWhatADeviceLacks) {
    DeviceSnapshot device = host::test::lane_device();
    device.features.set(host::Feature::float16, false);
    const AttentionSegment segment{find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout,
                                   64};
    const auto made = [&](CacheKind kind) {
        return plan_attention(device, kind, {1, 1, 4, 2, 64, 64}, {}, std::span(&segment, 1));
    };
    EXPECT_TRUE(made(CacheKind::wide));
    EXPECT_EQ(preferred_cache_kind(device), CacheKind::wide);
    const auto refused = made(CacheKind::lanes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
    EXPECT_NE(refused.error().message.find("float16"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace tuff::test
