// A whole cache on a device: batches, edits, and files. What it holds is seen through what it saves.
#include "backend/kv/cache.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <random>

#include "backend/kv/row_codec.hpp"
#include "backend/kv/saved_cache.hpp"
#include "host/fault.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

constexpr std::uint32_t kHeads = 2, kDim = 64;

class KvCacheTest : public host::test::DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        open_device();
        kind_ = host::missing_needs(device_->snapshot(), *shaders::find_kernel("kv_append_lanes")).empty()
                    ? CacheKind::lanes
                    : CacheKind::wide;
        rope_ = *Rope::make({RopeStyle::halves, kDim});
        turns_ = buffer(rope_.turns.size() * 8, "turns");
        TUFF_OK(host::upload(*device_, turns_, 0, std::as_bytes(std::span(rope_.turns))));
    }

    // A layer of every position with sinks and recent ones apart, and one with a sliding window.
    static CacheOptions options() {
        CacheOptions made;
        made.positions = 96;
        made.sequences = 2;
        made.batch = 8;
        made.sinks = 4;
        made.recent = 8;
        made.k.format = find_cache_format("kv4");
        made.v.format = find_cache_format("kv4");
        return made;
    }
    static std::vector<CacheLayer> layers() {
        return {{kHeads, kDim, kDim, 0, false}, {kHeads, kDim, kDim, 16, false}};
    }
    KvCache make(const CacheOptions& with) {
        Result<KvCache> made = KvCache::make(*device_, kind_, layers(), with);
        if (!made) throw std::runtime_error(made.error().message);
        return std::move(*made);
    }

    // The same row wherever this token of the sequence is asked for.
    static std::vector<float> head(std::uint32_t sequence, std::uint64_t token, std::uint32_t h) {
        std::mt19937 random(static_cast<std::uint32_t>(sequence * 100000 + token * 10 + h));
        std::normal_distribution<float> normal;
        std::vector<float> values(kDim);
        for (float& value : values) value = normal(random);
        return values;
    }

    void append(KvCache& cache, const std::vector<CacheBatch>& batch) {
        std::vector<float> rows;
        std::uint32_t tokens = 0;
        for (const CacheBatch& one : batch) {
            for (std::uint32_t t = 0; t < one.tokens; t++)
                for (std::uint32_t h = 0; h < kHeads; h++) {
                    const std::vector<float> row =
                        head(one.sequence, cache.positions(one.sequence).size() + t, h);
                    rows.insert(rows.end(), row.begin(), row.end());
                }
            tokens += one.tokens;
        }
        host::Buffer x = buffer(rows.size() * 4, "rows");
        TUFF_OK(host::upload(*device_, x, 0, std::as_bytes(std::span(rows))));
        TUFF_OK(cache.begin(batch));
        host::Stream stream(*device_, "append");
        const HeadRows heads = {{&x}, false, tokens, kHeads, kDim};
        for (std::uint32_t layer = 0; layer < 2; layer++)
            TUFF_OK(cache.record_append(stream, layer, heads, heads, {&rope_, {}, {&turns_}}));
        TUFF_OK(stream.finish());
        TUFF_OK(stream.run());
    }

    std::string file(const std::string& name) const { return directory_.path() + "/" + name; }

    // What the cache holds; the text must outlive the result.
    SavedCache saved(const KvCache& cache) {
        const Result<void> done = cache.save(file("now.kv"));
        EXPECT_TRUE(done) << done.error().message;
        std::ifstream in(file("now.kv"), std::ios::binary);
        text_.assign(std::istreambuf_iterator<char>(in), {});
        Result<SavedCache> parsed = SavedCache::parse(std::as_bytes(std::span(text_)), "now.kv");
        EXPECT_TRUE(parsed) << parsed.error().message;
        return parsed ? *parsed : SavedCache{};
    }

    // The first layer has three parts, the one with a window one.
    static const SavedRows& rows_of(const SavedCache& cache, std::uint32_t sequence, std::size_t layer,
                                    std::size_t part) {
        return cache.rows[sequence * 4 + layer * 3 + part];
    }
    // Row `token` of head h in a part, as stored.
    static std::vector<std::byte> stored(const SavedCache& cache, std::uint32_t sequence, std::size_t layer,
                                         std::size_t part, bool k, std::uint64_t token, std::uint32_t h) {
        const SavedRows& rows = rows_of(cache, sequence, layer, part);
        const std::size_t bytes = cache.layers[layer].k.row_bytes(part);
        const auto span =
            (k ? rows.k : rows.v).subspan((h * (rows.end - rows.begin) + token - rows.begin) * bytes, bytes);
        return {span.begin(), span.end()};
    }
    std::vector<std::byte> expected(std::size_t part, bool k, std::int32_t position, std::vector<float> row) {
        if (k) rope_.apply(position, row);
        rotate(Rotation::hadamard, row);
        const CacheFormat& format = *find_cache_format(part == 0 ? "kv4" : "f16");
        std::vector<std::byte> bytes(format.row_bytes(kDim));
        encode_row(format, row, bytes);
        return bytes;
    }

    CacheKind kind_{};
    Rope rope_;
    host::Buffer turns_;
    std::string text_;
};

TEST_F(KvCacheTest, HoldsWhatWasAppendedInEveryPartThatKeepsIt) {
    KvCache cache = make(options());
    for (int i = 0; i < 8; i++) append(cache, {{0, 5}, {1, 3}});
    EXPECT_EQ(cache.positions(0).size(), 40U);
    EXPECT_EQ(cache.room(1), 24U);
    const SavedCache now = saved(cache);
    ASSERT_EQ(now.rows.size(), 8U);
    EXPECT_EQ(rows_of(now, 0, 0, 1).end, 8U);          // sinks, a tile
    EXPECT_EQ(rows_of(now, 0, 0, 2).begin, 40U - 24);  // the ring of recent ones
    EXPECT_EQ(rows_of(now, 0, 1, 0).begin, 40U - 32);  // the window's ring
    for (std::uint32_t sequence = 0; sequence < 2; sequence++)
        for (std::size_t layer = 0; layer < 2; layer++)
            for (std::size_t part = 0; part < now.layers[layer].parts; part++) {
                const SavedRows& rows = rows_of(now, sequence, layer, part);
                EXPECT_LT(rows.begin, rows.end);
                for (std::uint64_t token = rows.begin; token < rows.end; token++)
                    for (std::uint32_t h = 0; h < kHeads; h++)
                        for (const bool k : {true, false})
                            ASSERT_EQ(
                                stored(now, sequence, layer, part, k, token, h),
                                expected(part, k, static_cast<std::int32_t>(token), head(sequence, token, h)))
                                << sequence << ' ' << layer << ' ' << part << ' ' << token;
            }
}

TEST_F(KvCacheTest, MovesWhatFollowsARemovedRangeAndTurnsWhatIsShifted) {
    CacheOptions plain = options();
    plain.k.format = plain.v.format = find_cache_format("f32");
    KvCache cache = make(plain);
    for (int i = 0; i < 4; i++) append(cache, {{0, 8}});
    TUFF_OK(cache.remove(0, 10, 14));
    EXPECT_EQ(cache.positions(0).size(), 28U);
    EXPECT_EQ(cache.positions(0)[10], 14);
    const Rope* ropes[] = {&rope_, &rope_};
    TUFF_OK(cache.shift(0, 14, 1000, -4, ropes));
    EXPECT_EQ(cache.positions(0)[27], 27);
    TUFF_OK(cache.copy(0, 1));
    const SavedCache now = saved(cache);
    for (const std::uint32_t sequence : {0U, 1U})
        for (const std::uint64_t token : {3U, 9U, 10U, 27U}) {
            const SavedRows& rows = now.rows[sequence * 2];
            const std::uint64_t was = token < 10 ? token : token + 4;
            std::vector<float> k = head(0, was, 1), v = head(0, was, 1), stored_k(kDim), stored_v(kDim);
            rope_.apply(static_cast<std::int32_t>(token), k);
            std::memcpy(stored_k.data(), &rows.k[(28 + token) * kDim * 4], kDim * 4);
            std::memcpy(stored_v.data(), &rows.v[(28 + token) * kDim * 4], kDim * 4);
            EXPECT_EQ(stored_v, v);
            for (std::size_t i = 0; i < kDim; i++) EXPECT_NEAR(stored_k[i], k[i], 4e-6F);  // turned twice
        }
}

TEST_F(KvCacheTest, ComesBackFromAFileOnlyWhole) {
    KvCache cache = make(options());
    for (int i = 0; i < 6; i++) append(cache, {{0, 5}, {1, 3}});
    const SavedCache before = saved(cache);
    const std::string text = text_;
    std::filesystem::rename(file("now.kv"), file("kept.kv"));
    append(cache, {{1, 8}});
    TUFF_OK(cache.restore(file("kept.kv")));
    EXPECT_EQ(cache.positions(1).size(), 18U);
    saved(cache);
    EXPECT_TRUE(text_ == text);

    // Nothing that is refused changes anything.
    std::string damaged = text;
    damaged[damaged.size() / 2] ^= 4;
    std::ofstream(file("damaged.kv"), std::ios::binary) << damaged;
    const Result<void> refused = cache.restore(file("damaged.kv"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::malformed);
    CacheOptions other = options();
    other.v.format = find_cache_format("kv5");
    EXPECT_EQ(make(other).restore(file("kept.kv")).error().code, ErrorCode::usage);
    other = options();
    other.positions = 32;
    EXPECT_EQ(make(other).restore(file("kept.kv")).error().code, ErrorCode::usage);
    EXPECT_EQ(cache.restore(file("missing.kv")).error().code, ErrorCode::io);
    saved(cache);
    EXPECT_TRUE(text_ == text);
}

TEST_F(KvCacheTest, RefusesWhatItCannotDoAndStaysAsItIs) {
    KvCache cache = make(options());
    for (int i = 0; i < 6; i++) append(cache, {{0, 8}});
    saved(cache);
    const std::string text = text_;
    const auto usage = [](const Result<void>& result) {
        return !result && result.error().code == ErrorCode::usage;
    };
    const CacheBatch missing[] = {{2, 1}}, twice[] = {{1, 1}, {1, 1}}, beyond[] = {{0, 1}},
                     large[] = {{1, 9}};
    EXPECT_TRUE(usage(cache.begin(missing)));
    EXPECT_TRUE(usage(cache.begin(twice)));
    EXPECT_TRUE(usage(cache.begin(beyond)));
    EXPECT_TRUE(usage(cache.begin(large)));
    EXPECT_TRUE(usage(cache.begin({})));
    EXPECT_TRUE(usage(cache.remove(2, 0, 1)));
    EXPECT_TRUE(usage(cache.remove(0, 20, 1000)));  // the window before 20 is gone
    EXPECT_TRUE(usage(cache.copy(0, 7)));
    const Rope* ropes[] = {&rope_, &rope_};
    EXPECT_TRUE(usage(cache.shift(0, 5, 48, -1, ropes)));
    EXPECT_TRUE(usage(cache.shift(0, 0, 48, -1, ropes)));
    EXPECT_TRUE(usage(cache.shift(0, 0, 48, 1, {})));
    saved(cache);
    EXPECT_TRUE(text_ == text);
    TUFF_OK(cache.remove(0, 45, 1000));  // but a few last ones can go
    EXPECT_EQ(cache.positions(0).size(), 45U);
    cache.clear(0);
    EXPECT_EQ(cache.room(0), 48U);

    // Positions stay within int32.
    constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
    append(cache, {{1, 4}});
    EXPECT_TRUE(usage(cache.shift(1, 0, 4, kLast - 2, ropes)));
    TUFF_OK(cache.shift(1, 0, 4, kLast - 4, ropes));
    EXPECT_EQ(cache.positions(1).back(), kLast - 1);
    const CacheBatch past[] = {{1, 2}};
    EXPECT_TRUE(usage(cache.begin(past)));
    append(cache, {{1, 1}});
    EXPECT_EQ(cache.positions(1).back(), kLast);

    CacheOptions endless = options();
    endless.positions = std::uint64_t{1} << 26;
    std::vector<CacheLayer> many(64, CacheLayer{8, 128, 128, 0, false});
    const Result<KvCache> too_large = KvCache::make(*device_, kind_, many, endless);
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, ErrorCode::out_of_device_memory) << too_large.error().message;
    EXPECT_NE(too_large.error().message.find("would fit"), std::string::npos);
}

// A device that is lost at any moment of an edit leaves nothing that is half of it. On a card, where every
// transfer is a submission.
TEST_F(KvCacheTest, EmptiesWhatADeviceErrorLeavesHalfDone) {
    constexpr std::uint64_t kCard = std::uint64_t{64} << 20;
    need_simulated_card(kCard);
    const Rope* ropes[] = {&rope_, &rope_};
    const std::function<Result<void>(KvCache&)> edits[] = {
        [](KvCache& cache) { return cache.remove(0, 1, 3); },
        [](KvCache& cache) { return cache.copy(1, 0); },
        [&](KvCache& cache) { return cache.shift(0, 0, 100, 5, ropes); },
        [&](KvCache& cache) { return cache.restore(file("kept.kv")); },
    };
    bool kept = false;
    for (std::size_t edit = 0; edit < std::size(edits); edit++)
        for (std::uint64_t nth = 1;; nth++) {
            SCOPED_TRACE(testing::Message() << "edit " << edit << ", submission " << nth);
            turns_ = {};  // a buffer of the device before
            host::FaultInjector faults;
            auto opened = open(*host::simulate_card(probed(), kCard), {.dispatch_hook = faults.hook()});
            TUFF_OK(opened);
            device_ = std::move(*opened);
            KvCache cache = make(options());
            const CacheBatch batch[] = {{0, 5}, {1, 3}};
            TUFF_OK(cache.begin(batch));  // rows of zeros do
            if (!kept) {
                TUFF_OK(cache.save(file("kept.kv")));
            }
            kept = true;
            faults.lose_device_at_submit(nth);
            const Result<void> edited = edits[edit](cache);
            const bool reached = faults.submits() >= nth;
            EXPECT_EQ(edited.has_value(), !reached);
            EXPECT_TRUE(!reached || cache.positions(0).empty());
            EXPECT_EQ(cache.positions(1).size(), reached && edit == 3 ? 0U : 3U);
            if (!reached) {
                EXPECT_GT(nth, 8U);  // both sides of two layers, at least
                break;
            }
        }
}

}  // namespace
}  // namespace tuff::test
