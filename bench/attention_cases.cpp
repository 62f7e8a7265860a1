#include "bench/attention_cases.hpp"

#include <algorithm>
#include <cmath>

#include "backend/model/presets.hpp"
#include "bench/case.hpp"

namespace tuff::bench {
namespace {

// A layer of the preset's that sees the whole context, in numbers.
Result<LayerShape> layer_of_preset(const std::string& preset) {
    LayerShape layer;
    layer.heads = 32;
    layer.kv_heads = 8;
    layer.key_size = layer.value_size = 128;
    if (preset.empty()) return layer;
    TUFF_TRY(model, preset_model(preset));
    const LayerShape* found = nullptr;
    for (const LayerShape& one : model.shape.layers)
        if (one.kv_heads > 0 && (!found || (found->window > 0 && one.window == 0))) found = &one;
    if (!found) return fail(ErrorCode::usage, "{} has no layer with attention", preset);
    return *found;
}

// How a side in this format is rotated.
tuff::Rotation rotation_of(const AttentionSelection& o, const CacheFormat& format) {
    const bool on = o.rotate == "on" ? format.quantized() : o.rotate == "auto" && format.rotates;
    return on ? tuff::Rotation::hadamard : tuff::Rotation::none;
}

// The cache of one sequence of `depth` cells, in as many segments as the guard asks for.
std::vector<AttentionSegmentCase> segments_of(const AttentionSelection& o, CachePlace place,
                                              const CacheFormat* k, const CacheFormat* v,
                                              std::uint32_t depth) {
    const CacheFormat* exact = find_cache_format("f16");
    const std::uint32_t sinks = std::min(o.sinks, depth), recent = std::min(o.recent, depth - sinks);
    std::vector<AttentionSegmentCase> segments;
    if (sinks > 0) segments.push_back({exact, exact, place, {sinks}});
    if (depth > sinks + recent) segments.push_back({k, v, place, {depth - sinks - recent}});
    if (recent > 0) segments.push_back({exact, exact, place, {recent}});
    return segments;
}

}  // namespace

Result<std::vector<AttentionCase>> select_attention(const AttentionSelection& o, const std::string& preset,
                                                    CacheKind kind) {
    TUFF_TRY(layer, layer_of_preset(preset));
    const auto u32 = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    AttentionShape shape{
        1, 1, u32(layer.heads), u32(layer.kv_heads), u32(layer.key_size), u32(layer.value_size)};
    if (o.heads) shape.heads = o.heads;
    if (o.kv_heads) shape.kv_heads = o.kv_heads;
    if (o.head_dim) shape.k_head = shape.v_head = o.head_dim;
    if (o.v_head_dim) shape.v_head = o.v_head_dim;
    // Of MLA, V is the latent part of K.
    const bool shared = shape.v_head == 0;
    if (shared) shape.v_head = u32(layer.latent_size);
    if (shared && o.blocks)
        return fail(ErrorCode::usage, "--blocks is not for {}, whose V is a view of K", preset);
    const CachePlace place = shared ? CachePlace::shared : o.blocks ? CachePlace::blocks : CachePlace::layout;
    TUFF_TRY(k_formats, parse_cache_formats(o.kv_k));
    TUFF_TRY(v_formats, parse_cache_formats(o.kv_v));
    std::vector<std::pair<const CacheFormat*, const CacheFormat*>> pairs;
    const CacheFormat* exact = find_cache_format("f16");
    const auto add_pair = [&](const CacheFormat* k, const CacheFormat* v) {
        if (std::ranges::find(pairs, std::pair{k, v}) == pairs.end()) pairs.emplace_back(k, v);
    };
    add_pair(exact, exact);
    if (k_formats.empty() && v_formats.empty())
        for (const char* name : {"q8_0", "q4_0", "kv8", "kv4", "turbo4"})
            if (const CacheFormat* format = find_cache_format(name);
                format->check(shape.k_head) && format->check(shape.v_head) &&
                !(o.blocks && format->type_id == CacheFormat::kOwnType))
                add_pair(format, format);
    if (v_formats.empty())
        for (const CacheFormat* k : k_formats) add_pair(k, k);
    else
        for (const CacheFormat* v : v_formats) {
            if (k_formats.empty()) add_pair(v, v);
            for (const CacheFormat* k : k_formats) add_pair(k, v);
        }

    std::vector<AttentionCase> cases;
    for (const std::uint64_t depth : o.depth.empty() ? std::vector<std::uint64_t>{8192} : o.depth)
        for (const std::uint64_t batch : o.batch.empty() ? std::vector<std::uint64_t>{1} : o.batch)
            for (const auto& [k, v] : pairs) {
                constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
                if (depth == 0 || batch == 0 || depth > kMost || batch > depth)
                    return fail(ErrorCode::usage,
                                "depth {} and batch {}: a batch of queries is at most as large as the depth, "
                                "which is at most {}",
                                depth, batch, kMost);
                AttentionCase one;
                one.kind = kind;
                one.shape = shape;
                one.shape.tokens = static_cast<std::uint32_t>(batch);
                one.variant.scale = 1 / std::sqrt(static_cast<float>(shape.k_head));
                one.variant.mask = o.mask == "f16"   ? GivenMask::f16
                                   : o.mask == "f32" ? GivenMask::f32
                                                     : GivenMask::none;
                one.mask_is_causal = one.variant.mask != GivenMask::none;
                one.variant.causal = !one.mask_is_causal;
                one.k_rotation = rotation_of(o, *k);
                one.v_rotation = rotation_of(o, *v);
                one.segments = segments_of(o, place, k, v, static_cast<std::uint32_t>(depth));
                one.magnitude = 2;
                cases.push_back(std::move(one));
            }
    return cases;
}

std::vector<AttentionCase> verify_attention_cases(CacheKind kind, bool quick) {
    std::vector<AttentionCase> cases;
    const auto add = [&](bool in_quick, AttentionShape shape, std::vector<std::uint32_t> cells, const char* k,
                         const char* v, CachePlace place = CachePlace::layout) -> AttentionCase& {
        static AttentionCase left_out;
        if (quick && !in_quick) return left_out;
        AttentionCase one;
        one.kind = kind;
        one.shape = shape;
        one.variant.scale = 1 / std::sqrt(static_cast<float>(shape.k_head));
        one.segments = {{find_cache_format(k), find_cache_format(v), place, std::move(cells)}};
        one.magnitude = 4;
        cases.push_back(std::move(one));
        return cases.back();
    };
    // Every format on either side, each with its neighbour on the other, in both kinds of memory.
    const auto formats = cache_formats();
    for (std::size_t i = 0; i < formats.size(); i++) {
        const CacheFormat &k = formats[i], &v = formats[(i + 5) % formats.size()];
        add(i % 4 == 0, {1, 2, 6, 2, 96, 64}, {101}, k.name.data(), v.name.data()).variant.causal = true;
        if (k.type_id != CacheFormat::kOwnType)
            add(i % 4 == 1, {1, 1, 4, 4, 64, 96}, {37}, k.name.data(), "f16", CachePlace::blocks);
        if (v.type_id != CacheFormat::kOwnType)
            add(false, {1, 1, 4, 4, 64, 96}, {37}, "f16", v.name.data(), CachePlace::blocks);
    }
    // Head sizes, their tails in blocks of 32 included, and groups of any size.
    for (const std::uint32_t head : {32U, 40U, 72U, 80U, 112U, 192U, 256U})
        add(head == 72, {1, 3, 7, 1, head, head}, {43}, "kv8", "kv5").variant.causal = true;
    add(false, {1, 1, 8, 1, 576, 512}, {50}, "f16", "f16", CachePlace::shared);
    add(true, {1, 2, 4, 1, 96, 64}, {50}, "q8_0", "q8_0", CachePlace::shared);
    add(false, {1, 2, 4, 1, 320, 256}, {50}, "f16", "q4_0");
    // Lengths: one key, primes, sequences that hold nothing, many cells.
    for (const std::uint32_t cells : {1U, 7U, 8U, 9U, 4099U})
        add(cells == 1, {1, 1, 2, 2, 64, 64}, {cells}, "f16", "f16");
    add(true, {4, 2, 4, 2, 64, 64}, {1, 0, 67, 300}, "f16", "f16").variant.causal = true;
    add(false, {1, 1, 2, 1, 64, 64}, {131'101}, "q4_0", "q4_0");
    add(false, {1, 37, 8, 2, 64, 64}, {1021}, "q8_0", "q4_0").variant.causal = true;
    // Variants, directly and through partial results.
    for (const std::uint32_t splits : {1U, 3U}) {
        const AttentionShape shape{2, 3, 4, 2, 64, 64};
        const std::vector<std::uint32_t> cells{90, 55};
        const auto with = [&](bool in_quick, const AttentionVariant& variant) {
            AttentionCase& one = add(in_quick, shape, cells, "f16", "f16");
            one.variant = variant;
            one.tuning.splits = splits;
        };
        const auto masked = [](GivenMask mask) {
            AttentionVariant variant{0.1F};
            variant.mask = mask;
            return variant;
        };
        AttentionVariant window{0.1F, true, 20}, capped{0.5F}, biased{0.1F}, all = masked(GivenMask::f16);
        capped.softcap = 2;
        biased.alibi = true;
        all.causal = all.alibi = all.sinks = true;
        all.window = 33;
        all.softcap = 5;
        AttentionVariant sinks = window;
        sinks.sinks = true;
        with(splits == 3, window);
        with(splits == 1, sinks);
        with(false, capped);
        with(false, biased);
        with(splits == 1, masked(GivenMask::f16));
        with(false, masked(GivenMask::f32));
        with(true, all);
    }
    // A cache of three parts: f16, something small, f16.
    AttentionCase& parts = add(true, {1, 2, 4, 2, 64, 64}, {16}, "f16", "f16");
    parts.segments.push_back(
        {find_cache_format("kv3"), find_cache_format("turbo2"), CachePlace::layout, {211}});
    parts.segments.push_back({find_cache_format("f16"), find_cache_format("f16"), CachePlace::layout, {23}});
    parts.variant.causal = true;
    // Queries rotated, and results back.
    AttentionCase& rotated = add(true, {1, 3, 4, 2, 64, 64}, {83}, "kv4", "turbo3");
    rotated.k_rotation = tuff::Rotation::hadamard;
    rotated.v_rotation = tuff::Rotation::signed_hadamard;
    AttentionCase& view = add(false, {1, 2, 4, 1, 96, 64}, {50}, "kv4", "kv4", CachePlace::shared);
    view.k_rotation = view.v_rotation = tuff::Rotation::hadamard;
    return cases;
}

}  // namespace tuff::bench
