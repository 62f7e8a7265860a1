// Attention over a KvCache that grows batch by batch, compared with attention over everything that was
// appended, in double precision and never quantized.
#include "backend/attention/cached_attention.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "backend/kv/row_codec.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

constexpr std::uint32_t kQueryHeads = 4, kHeads = 2, kDim = 64, kSequences = 2, kTokens = 2, kSteps = 21;
constexpr std::uint32_t kWindow = 16;

class CachedAttentionTest : public host::test::DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        open_device();
        kind_ = preferred_cache_kind(device_->snapshot());
        rope_ = *Rope::make({RopeStyle::halves, kDim});
        turns_ = buffer(rope_.turns.size() * 8, "turns");
        TUFF_OK(host::upload(*device_, turns_, 0, std::as_bytes(std::span(rope_.turns))));
        x_ = buffer(std::uint64_t{kSequences} * kTokens * (kQueryHeads + 2 * kHeads) * kDim * 4, "rows");
        y_ = buffer(std::uint64_t{2} * kSequences * kTokens * kQueryHeads * kDim * 4, "results");
    }

    CacheOptions options() const {
        CacheOptions made;
        made.positions = 96;
        made.sequences = kSequences;
        made.batch = kSequences * kTokens;
        made.sinks = 4;
        made.recent = 8;
        made.k.format = k_format_;
        made.v.format = v_format_;
        return made;
    }
    KvCache make() {
        // Layer 0 looks back to the start and has sinks and recent tokens apart, layer 1 has a window.
        const std::vector<CacheLayer> layers = {{kHeads, kDim, kDim, 0, false},
                                                {kHeads, kDim, kDim, kWindow, false}};
        Result<KvCache> made = KvCache::make(*device_, kind_, layers, options());
        if (!made) throw std::runtime_error(made.error().message);
        return std::move(*made);
    }

    // The row that head h of Q (0), K (1) or V (2) has for a token.
    static std::vector<float> head(int what, std::uint32_t sequence, std::uint64_t token, std::uint32_t h) {
        std::mt19937 random(static_cast<std::uint32_t>(((what * 2 + sequence) * 1000 + token) * 10 + h));
        std::normal_distribution<float> normal;
        std::vector<float> values(kDim);
        for (float& value : values) value = normal(random);
        return values;
    }

    // Appends the next tokens of both sequences and attends with both layers; results
    // [layer][sequence][token][head].
    void step(KvCache& cache, std::vector<float>& y) {
        const std::vector<CacheBatch> batch = {{0, kTokens}, {1, kTokens}};
        std::vector<float> rows;
        std::uint64_t begin[3] = {};
        for (int what = 0; what < 3; what++) {
            begin[what] = rows.size() * 4;
            for (std::uint32_t sequence = 0; sequence < kSequences; sequence++)
                for (std::uint32_t t = 0; t < kTokens; t++)
                    for (std::uint32_t h = 0; h < (what == 0 ? kQueryHeads : kHeads); h++) {
                        const auto row = head(what, sequence, cache.positions(sequence).size() + t, h);
                        rows.insert(rows.end(), row.begin(), row.end());
                    }
        }
        TUFF_OK(host::upload(*device_, x_, 0, std::as_bytes(std::span(rows))));
        TUFF_OK(cache.begin(batch));
        // The first step records; the spans of later ones are in device memory.
        if (!stream_ || recorded_for_ != &cache) {
            stream_ = std::make_unique<host::Stream>(*device_, "step");
            recorded_for_ = &cache;
            const auto all = [&](int what, std::uint32_t heads) {
                return HeadRows{{&x_, begin[what]}, false, kSequences * kTokens, heads, kDim};
            };
            for (std::uint32_t layer = 0; layer < 2; layer++) {
                TUFF_OK(cache.record_append(*stream_, layer, all(1, kHeads), all(2, kHeads),
                                            {&rope_, {}, {&turns_}}));
                CachedQueries queries;
                queries.sequences = kSequences;
                queries.tokens = kTokens;
                queries.heads = kQueryHeads;
                AttentionVariant variant;
                variant.scale = 1 / std::sqrt(static_cast<float>(kDim));
                const auto plan = plan_cached_attention(device_->snapshot(), cache, layer, queries, variant);
                TUFF_OK(plan);
                scratch_[layer] = buffer(plan->scratch_bytes, "scratch");
                CachedAttentionOperands operands;
                operands.q = all(0, kQueryHeads);
                operands.rope = {&rope_, {}, {&turns_}};
                operands.y = {&y_, layer * (y_.size() / 2)};
                operands.scratch = {&scratch_[layer]};
                TUFF_OK(record_cached_attention(*stream_, *device_, cache, *plan, operands));
            }
            TUFF_OK(stream_->finish());
        }
        TUFF_OK(stream_->run());
        y.resize(std::size_t{2} * kSequences * kTokens * kQueryHeads * kDim);
        TUFF_OK(host::readback(*device_, y_, 0, std::as_writable_bytes(std::span(y))));
    }

    struct Row {
        std::vector<float> exact, kept;  // kept: as the layer's format holds it
    };
    Row row(const CacheFormat& format, int what, std::uint32_t sequence, std::uint64_t token,
            std::uint32_t h) const {
        Row made;
        made.exact = head(what, sequence, token, h);
        if (what < 2) rope_.apply(static_cast<std::int32_t>(token), made.exact);
        made.kept = made.exact;
        std::vector<std::byte> encoded(format.row_bytes(kDim));
        const Rotation rotation = format.rotates ? Rotation::hadamard : Rotation::none;
        rotate(rotation, made.kept);
        encode_row(format, made.kept, encoded);
        decode_row(format, encoded, made.kept);
        unrotate(rotation, made.kept);
        return made;
    }

    // Attention of one query over all positions it sees, and how far the codec's own errors, or those of f16,
    // may move it: a logit by d moves each weight by a factor of at most exp(2 max |d|).
    void compare(std::uint32_t layer, std::uint32_t sequence, std::uint64_t token, std::uint32_t h,
                 const float* y) const {
        const auto q = row(*find_cache_format("f32"), 0, sequence, token, h).exact;
        const std::uint64_t first = layer == 1 && token + 1 > kWindow ? token + 1 - kWindow : 0;
        std::vector<double> weights;
        double moved = 0, top = -1e9, total = 0;
        for (std::uint64_t p = first; p <= token; p++) {
            const Row k = row(*k_format_, 1, sequence, p, h / 2);
            double logit = 0, error = 0, size = 0;
            for (std::uint32_t i = 0; i < kDim; i++) {
                logit += double{q[i]} * k.exact[i] / 8;
                error += double{q[i]} * (double{k.kept[i]} - k.exact[i]) / 8;
                size += std::fabs(double{q[i]} * k.exact[i]) / 8;
            }
            weights.push_back(logit);
            top = std::max(top, logit);
            moved = std::max(moved, std::fabs(error) + 0x1p-10 * size);
        }
        for (double& weight : weights) total += weight = std::exp(weight - top);
        std::vector<double> exact(kDim), bound(kDim);
        for (std::uint64_t p = first; p <= token; p++) {
            const Row v = row(*v_format_, 2, sequence, p, h / 2);
            const double share = weights[p - first] / total;
            double size = 0;
            for (const float value : v.exact) size = std::max(size, std::fabs(double{value}));
            for (std::uint32_t i = 0; i < kDim; i++) {
                exact[i] += share * v.exact[i];
                bound[i] += share * (std::expm1(2 * moved) * std::fabs(v.exact[i]) +
                                     std::exp(2 * moved) *
                                         (std::fabs(double{v.kept[i]} - v.exact[i]) + 0x1p-9 * size));
            }
        }
        for (std::uint32_t i = 0; i < kDim; i++)
            ASSERT_NEAR(y[i], exact[i], bound[i])
                << "layer " << layer << ", sequence " << sequence << ", token " << token << ", head " << h;
    }

    const CacheFormat* k_format_ = find_cache_format("kv8");
    const CacheFormat* v_format_ = find_cache_format("turbo4");
    CacheKind kind_{};
    Rope rope_;
    host::Buffer turns_, x_, y_, scratch_[2];
    std::unique_ptr<host::Stream> stream_;
    const KvCache* recorded_for_ = nullptr;
};

// Every format on K, and each on V beside another.
class EveryCacheFormat : public CachedAttentionTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(EveryCacheFormat, FollowsACacheThatGrowsAsIfNothingWereQuantized) {
    const std::span<const CacheFormat> all = cache_formats();
    k_format_ = &all[GetParam()];
    v_format_ = &all[all.size() - 1 - GetParam()];
    KvCache cache = make();
    for (std::uint32_t i = 0; i < kSteps; i++) {
        std::vector<float> y;
        step(cache, y);
        ASSERT_FALSE(y.empty());
        const float* at = y.data();
        for (std::uint32_t layer = 0; layer < 2; layer++)
            for (std::uint32_t sequence = 0; sequence < kSequences; sequence++)
                for (std::uint32_t t = 0; t < kTokens; t++)
                    for (std::uint32_t h = 0; h < kQueryHeads; h++, at += kDim) {
                        compare(layer, sequence, i * kTokens + t, h, at);
                        if (HasFatalFailure()) return;
                    }
    }
}

INSTANTIATE_TEST_SUITE_P(CachedAttention, EveryCacheFormat,
                         testing::Range<std::size_t>(0, cache_formats().size()),
                         [](const auto& one) { return std::string(cache_formats()[one.param].name); });

TEST_F(CachedAttentionTest, GoesOnFromARestoredCacheBitForBit) {
    KvCache cache = make();
    std::vector<float> y, restored_y;
    for (int i = 0; i < 11; i++) step(cache, y);
    const std::string file = directory_.path() + "/saved.kv";
    TUFF_OK(cache.save(file));
    for (int i = 0; i < 3; i++) step(cache, y);
    KvCache other = make();
    TUFF_OK(other.restore(file));
    for (int i = 0; i < 3; i++) step(other, restored_y);
    EXPECT_EQ(y, restored_y);
}

TEST_F(CachedAttentionTest, PlansAViewOfKAndNamesWhatItCannotDo) {
    CacheOptions with = options();
    with.k.format = with.v.format = find_cache_format("kv4");
    with.sinks = with.recent = 0;
    const std::vector<CacheLayer> layers = {{1, 96, 0, 0, false}, {}};
    Result<KvCache> cache = KvCache::make(*device_, kind_, layers, with);
    TUFF_OK(cache);
    CachedQueries queries;
    queries.heads = 4;
    queries.v_head = 64;
    const auto plan_of = [&](std::uint32_t layer, AttentionVariant variant) {
        return plan_cached_attention(device_->snapshot(), *cache, layer, queries, variant);
    };
    const auto plan = plan_of(0, {});
    TUFF_OK(plan);
    EXPECT_EQ(plan->attention.parts.front().segment.place, CachePlace::shared);
    EXPECT_EQ(plan->v_rotation, Rotation::hadamard);
    AttentionVariant masked;
    masked.mask = GivenMask::f16;
    CachedQueries last = queries, past = queries;
    last.first_sequence = kSequences - 1;
    past.first_sequence = kSequences;
    TUFF_OK(plan_cached_attention(device_->snapshot(), *cache, 0, last, {}));
    CacheLayerSize endless = cache->size().layers[0];
    endless.window = std::uint64_t{1} << 32;  // 0 in 32 bits
    for (const auto& refused :
         {plan_of(0, masked), plan_of(1, {}), plan_of(2, {}),
          plan_cached_attention(device_->snapshot(), *cache, 0, past, {}),
          plan_cached_attention(device_->snapshot(), kind_, endless, kSequences, queries, {})}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::usage);
    }
}

}  // namespace
}  // namespace tuff::test
