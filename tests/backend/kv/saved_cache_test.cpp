#include "backend/kv/saved_cache.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace tuff::test {
namespace {

// One layer, kv4 and f16, two sequences of which one is empty.
std::string example() {
    static const std::vector<std::byte> k(std::size_t{2} * 3 * 36, std::byte{0x11}),
        v(std::size_t{2} * 3 * 128, std::byte{0x22});
    SavedCache cache;
    cache.layers = {{2,
                     0,
                     1,
                     {find_cache_format("kv4"), Rotation::hadamard, 64},
                     {find_cache_format("f16"), Rotation::none, 64}}};
    cache.sequences = {{0, 1, 5}, {}};
    cache.rows = {{0, 3, k, v}, {}};
    return cache.text();
}

Result<SavedCache> parse(const std::string& text) {
    return SavedCache::parse(std::as_bytes(std::span(text)), "saved.kv");
}

TEST(SavedCache, IsReadAsItWasWritten) {
    const std::string text = example();
    const Result<SavedCache> cache = parse(text);
    ASSERT_TRUE(cache) << cache.error().message;
    ASSERT_EQ(cache->layers.size(), 1U);
    EXPECT_EQ(cache->layers[0].k.format->name, "kv4");
    EXPECT_EQ(cache->layers[0].k.rotation, Rotation::hadamard);
    EXPECT_EQ(cache->sequences, (std::vector<std::vector<std::int32_t>>{{0, 1, 5}, {}}));
    ASSERT_EQ(cache->rows.size(), 2U);
    EXPECT_EQ(cache->rows[0].v.size(), 768U);
    EXPECT_EQ(cache->rows[0].k[5], std::byte{0x11});
    EXPECT_EQ(cache->text(), text);
}

TEST(SavedCache, OfThisVersionStaysReadable) {
    std::ifstream in(std::string(TUFF_TEST_DATA) + "/kv/one_layer.kv", std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(text, example());
}

TEST(SavedCache, IsRefusedWithAnyFlippedBit) {
    const std::string text = example();
    for (std::size_t i = 0; i < text.size(); i += 5)
        for (int bit = 0; bit < 8; bit += 3) {
            std::string damaged = text;
            damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
            const Result<SavedCache> cache = parse(damaged);
            ASSERT_FALSE(cache) << "bit " << bit << " of byte " << i;
            EXPECT_EQ(cache.error().code, ErrorCode::malformed);
        }
}

TEST(SavedCache, IsRefusedWhereItIsCutShort) {
    const std::string text = example();
    for (std::size_t length = 0; length < text.size(); length += 7)
        EXPECT_FALSE(parse(text.substr(0, length)));
}

TEST(SavedCache, SaysWhenItsVersionIsAnother) {
    std::string text = example();
    text[6] = '2';
    const Result<SavedCache> cache = parse(text);
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.error().message, "saved.kv: a KV cache saved in another version of the format");
}

// What a checksum cannot tell: a file that was made wrong.
TEST(SavedCache, IsRefusedWhereItContradictsItself) {
    const auto refused = [](const SavedCache& cache) { return !parse(cache.text()); };
    SavedCache cache;
    cache.layers = {{1, 0, 1, {find_cache_format("f32"), Rotation::none, 8}, {}}};
    cache.sequences = {{4, 3}};
    const std::vector<std::byte> k(64);
    cache.rows = {{0, 2, k, {}}};
    EXPECT_TRUE(refused(cache));  // positions
    cache.sequences = {{3, 4}};
    EXPECT_FALSE(refused(cache));
    cache.rows[0].end = 3;
    EXPECT_TRUE(refused(cache));  // tokens that are not there
    cache.rows[0] = {0, 2, std::span(k).first(63), {}};
    EXPECT_TRUE(refused(cache));  // a row too short
    cache.rows[0] = {0, 2, k, k};
    EXPECT_TRUE(refused(cache));  // rows of a side that is not kept
    cache.rows[0] = {0, 2, k, {}};
    cache.layers[0].parts = 4;
    EXPECT_TRUE(refused(cache));
    cache.layers[0].parts = 1;
    cache.layers[0].k.head_dim = 12;
    EXPECT_TRUE(refused(cache));
}

}  // namespace
}  // namespace tuff::test
