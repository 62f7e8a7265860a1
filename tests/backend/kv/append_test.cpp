// Rows that a device appends, against those that the host encodes, in every format and both kinds of layout.
#include "backend/kv/append.hpp"

#include <random>

#include "backend/half.hpp"
#include "backend/kv/row_codec.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

constexpr std::uint32_t kTokens = 5, kHeads = 3;
constexpr std::uint64_t kCapacity = 24;

struct AppendCase {
    std::string_view format;
    std::uint32_t head_dim;
    Rotation rotation;
    RopeStyle rope;
    bool half;
};

// Every format once; head sizes, rotations, rotary styles and sources dealt among them.
constexpr AppendCase kCases[] = {
    {"f32", 64, Rotation::none, RopeStyle::halves, false},
    {"f16", 72, Rotation::hadamard, RopeStyle::none, false},
    {"bf16", 128, Rotation::none, RopeStyle::neighbours, true},
    {"q8_0", 64, Rotation::none, RopeStyle::halves, true},
    {"q5_1", 96, Rotation::hadamard, RopeStyle::none, false},
    {"q5_0", 128, Rotation::hadamard, RopeStyle::neighbours, false},
    {"q4_1", 64, Rotation::none, RopeStyle::none, false},
    {"q4_0", 576, Rotation::hadamard, RopeStyle::none, false},
    {"iq4_nl", 128, Rotation::none, RopeStyle::none, false},
    {"kv8", 80, Rotation::none, RopeStyle::halves, false},
    {"kv6", 128, Rotation::hadamard, RopeStyle::none, true},
    {"kv5", 64, Rotation::signed_hadamard, RopeStyle::none, false},
    {"kv4", 128, Rotation::hadamard, RopeStyle::halves, false},
    {"kv3", 72, Rotation::none, RopeStyle::none, false},
    {"kv2", 256, Rotation::hadamard, RopeStyle::none, false},
    {"turbo4", 128, Rotation::signed_hadamard, RopeStyle::neighbours, false},
    {"turbo3", 192, Rotation::hadamard, RopeStyle::none, false},
    {"turbo2", 64, Rotation::signed_hadamard, RopeStyle::none, true},
};

class KvAppend : public host::test::DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        open_device();
    }

    template <class T>
    host::Buffer buffer_of(std::span<const T> values, std::string_view label) {
        host::Buffer made = buffer(values.size_bytes(), label);
        const Result<void> written = host::upload(*device_, made, 0, std::as_bytes(values));
        EXPECT_TRUE(written) << written.error().message;
        return made;
    }

    std::vector<CacheKind> kinds(std::string_view algorithm) const {
        std::vector<CacheKind> able;
        for (const CacheKind kind : {CacheKind::lanes, CacheKind::wide}) {
            const auto* kernel =
                shaders::find_kernel(std::string(algorithm) + "_" + std::string(cache_kind_name(kind)));
            if (host::missing_needs(device_->snapshot(), *kernel).empty()) able.push_back(kind);
        }
        return able;
    }

    std::vector<float> random_rows(std::uint32_t head_dim, bool half) {
        std::normal_distribution<float> normal;
        std::vector<float> rows(std::size_t{kTokens} * kHeads * head_dim);
        for (float& value : rows)
            value = half ? half_to_float(float_to_half(normal(random_))) : normal(random_);
        // One row of zeros, one with an outlier, one tiny.
        std::fill_n(rows.begin(), head_dim, 0.0F);
        rows[head_dim + 3] = 40;
        for (std::size_t i = 0; i < head_dim; i++) rows[2 * head_dim + i] *= 0x1p-10F;
        for (float& value : rows)
            if (half) value = half_to_float(float_to_half(value));
        return rows;
    }

    host::Buffer source(const std::vector<float>& rows, bool half) {
        if (!half) return buffer_of<float>(rows, "rows");
        std::vector<std::uint16_t> halves;
        for (const float value : rows) halves.push_back(float_to_half(value));
        return buffer_of<std::uint16_t>(halves, "rows");
    }

    std::mt19937 random_{9};
};

// Cells of the tokens; the fourth is not kept.
constexpr std::uint32_t kCells[kTokens] = {17, 3, 8, kNoCell, 2};
constexpr std::int32_t kPositions[kTokens] = {0, 1, 100000, 5, 77};

std::vector<std::byte> expected_row(const AppendCase& c, const Rope& rope, std::vector<float> head,
                                    std::int32_t position) {
    if (c.rope != RopeStyle::none) rope.apply(position, head);
    rotate(c.rotation, head);
    const CacheFormat& format = *find_cache_format(c.format);
    std::vector<std::byte> row(format.row_bytes(c.head_dim));
    encode_row(format, head, row);
    return row;
}

TEST_F(KvAppend, WritesTheBytesThatTheHostEncodes) {
    ASSERT_FALSE(kinds("kv_append").empty());
    const host::Buffer cells = buffer_of<std::uint32_t>(kCells, "cells"),
                       positions = buffer_of<std::int32_t>(kPositions, "positions");
    for (const CacheKind kind : kinds("kv_append"))
        for (const AppendCase& c : kCases) {
            SCOPED_TRACE(testing::Message()
                         << c.format << " of " << c.head_dim << ", " << cache_kind_name(kind));
            const CacheFormat& format = *find_cache_format(c.format);
            const CacheSide side = c.head_dim % 3 == 0 ? CacheSide::v : CacheSide::k;
            const CacheLayout layout =
                *CacheLayout::make(kind, side, format.row(c.head_dim), kHeads, kCapacity);
            const Rope rope = *Rope::make({c.rope, c.head_dim / 4 * 2});
            const host::Buffer turns = buffer_of<std::uint64_t>(rope.turns, "turns");
            const std::vector<float> rows = random_rows(c.head_dim, c.half);
            const host::Buffer x = source(rows, c.half);
            const std::vector<std::byte> before(layout.bytes(), std::byte{0x5a});
            const host::Buffer cache = buffer_of<std::byte>(before, "cache");

            host::Stream stream(*device_, "append");
            const RopeOperands turning = {
                c.rope == RopeStyle::none ? nullptr : &rope, {&positions}, {&turns}};
            TUFF_OK(record_kv_append(stream, *device_, {{&x}, c.half, kTokens, kHeads, c.head_dim}, turning,
                                     c.rotation, {&format, &layout, {&cache}}, {&cells}));
            TUFF_OK(stream.finish());
            TUFF_OK(stream.run());

            std::vector<std::byte> after(layout.bytes()), expected = before;
            TUFF_OK(host::readback(*device_, cache, 0, after));
            for (std::uint32_t t = 0; t < kTokens; t++)
                for (std::uint32_t h = 0; h < kHeads && kCells[t] != kNoCell; h++) {
                    const auto head = rows.begin() + (t * kHeads + h) * c.head_dim;
                    layout.pack(h, kCells[t], 1,
                                expected_row(c, rope, {head, head + c.head_dim}, kPositions[t]), expected);
                }
            EXPECT_EQ(after, expected);
        }
}

TEST_F(KvAppend, RefusesWhatDoesNotFit) {
    const CacheFormat& format = *find_cache_format("kv4");
    const CacheLayout layout = *CacheLayout::make(CacheKind::wide, CacheSide::k, format.row(64), 2, 8);
    const host::Buffer x = buffer(64 * 2 * 4, "rows"), cells = buffer(4, "cells"),
                       cache = buffer(layout.bytes(), "cache");
    host::Stream stream(*device_, "append");
    const auto refused = [&](const HeadRows& rows, const CacheTarget& target) {
        const Result<void> result =
            record_kv_append(stream, *device_, rows, {}, Rotation::none, target, {&cells});
        return !result && result.error().code == ErrorCode::usage;
    };
    const CacheTarget target = {&format, &layout, {&cache}};
    EXPECT_TRUE(refused({{&x}, false, 1, 3, 64}, target));                            // heads
    EXPECT_TRUE(refused({{&x}, false, 1, 2, 128}, target));                           // row
    EXPECT_TRUE(refused({{&x}, false, 1, 2, 100}, target));                           // head size
    EXPECT_TRUE(refused({{&x}, false, 2, 2, 64}, target));                            // rows, cells
    EXPECT_TRUE(refused({{&x}, false, 1, 2, 64}, {&format, &layout, {&cache, 16}}));  // cache
    EXPECT_TRUE(refused({{&x}, false, 0, 2, 64}, target));                            // nothing
    EXPECT_TRUE(refused({{&x}, false, 1, 2, 64, 514, 256}, target));                  // stride
    EXPECT_EQ(stream.command_count(), 0U);
}

TEST_F(KvAppend, TurnsHeadsAsTheHostDoes) {
    ASSERT_FALSE(kinds("rotate_heads").empty());
    const host::Buffer positions = buffer_of<std::int32_t>(kPositions, "positions");
    struct {
        std::uint32_t head_dim;
        Rotation rotation;
        RopeStyle rope;
        bool undo;
    } const cases[] = {{128, Rotation::hadamard, RopeStyle::halves, false},
                       {80, Rotation::signed_hadamard, RopeStyle::neighbours, false},
                       {192, Rotation::signed_hadamard, RopeStyle::none, true}};
    for (const CacheKind kind : kinds("rotate_heads"))
        for (const auto& c : cases) {
            SCOPED_TRACE(testing::Message() << c.head_dim << ", " << cache_kind_name(kind));
            const Rope rope = *Rope::make({c.rope, c.head_dim});
            const host::Buffer turns = buffer_of<std::uint64_t>(rope.turns, "turns");
            std::vector<float> rows = random_rows(c.head_dim, false);
            const host::Buffer x = buffer_of<float>(rows, "heads");
            const HeadRows heads = {{&x}, false, kTokens, kHeads, c.head_dim};
            host::Stream stream(*device_, "rotate");
            TUFF_OK(record_rotate_heads(stream, *device_, kind, heads,
                                        {c.rope == RopeStyle::none ? nullptr : &rope, {&positions}, {&turns}},
                                        c.rotation, c.undo, heads));
            TUFF_OK(stream.finish());
            TUFF_OK(stream.run());
            std::vector<float> after(rows.size());
            TUFF_OK(host::readback(*device_, x, 0, std::as_writable_bytes(std::span(after))));
            for (std::uint32_t row = 0; row < kTokens * kHeads; row++) {
                const std::span<float> head(&rows[std::size_t{row} * c.head_dim], c.head_dim);
                if (c.rope != RopeStyle::none) rope.apply(kPositions[row / kHeads], head);
                c.undo ? unrotate(c.rotation, head) : rotate(c.rotation, head);
            }
            EXPECT_EQ(after, rows);
        }
}

}  // namespace
}  // namespace tuff::test
