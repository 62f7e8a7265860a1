#include "backend/kv/append.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/kv/row_codec.hpp"

namespace tuff {
namespace {

using host::Access;

// lib/head.glsl's constants, followed by those of the kernel.
std::vector<std::uint32_t> head_constants(CacheKind kind, const HeadRows& rows, const RopeOperands& rope,
                                          Rotation rotation) {
    constexpr std::uint32_t kLanes = 8, kWide = 64;
    const auto block = static_cast<float>(hadamard_block(rows.head_dim));
    return {kind == CacheKind::lanes ? kLanes : kWide,
            rows.head_dim,
            static_cast<std::uint32_t>(rotation),
            static_cast<std::uint32_t>(rope.rope != nullptr ? rope.rope->style : RopeStyle::none),
            rows.half ? 1U : 0U,
            std::bit_cast<std::uint32_t>(1 / std::sqrt(block))};
}

Result<void> check_rows(const HeadRows& rows, std::string_view what) {
    constexpr std::uint64_t kMaxStride = std::numeric_limits<std::uint32_t>::max();
    if (rows.tokens == 0 || rows.heads == 0 || rows.head_dim == 0 || rows.head_dim % 8 != 0 ||
        rows.head_dim > kMaxHeadDim)
        return fail(ErrorCode::usage, "{} of {} tokens, {} heads and {} values", what, rows.tokens,
                    rows.heads, rows.head_dim);
    if (rows.token_bytes > kMaxStride || rows.head_bytes > kMaxStride || rows.token_bytes % 4 != 0 ||
        rows.head_bytes % 4 != 0)
        return fail(ErrorCode::usage,
                    "{} have strides of {} and {} bytes: multiples of 4 below 4 GiB are taken", what,
                    rows.token_bytes, rows.head_bytes);
    return check_operand(what, rows.at, rows.bytes(), 4);
}

Result<void> check_rope(const RopeOperands& rope, const HeadRows& rows) {
    if (rope.rope == nullptr) return {};
    if (rope.rope->dims > rows.head_dim)
        return fail(ErrorCode::usage, "{} values turn in a head of {}", rope.rope->dims, rows.head_dim);
    TUFF_CHECK(check_operand("positions", rope.positions, std::uint64_t{rows.tokens} * 4, 4));
    return check_operand("rotary frequencies", rope.turns, rope.rope->turns.size() * 8, 8);
}

void add_rope_accesses(std::vector<Access>& accesses, const RopeOperands& rope, const HeadRows& rows) {
    if (rope.rope == nullptr) return;
    accesses.push_back(
        Access::read(*rope.positions.buffer, rope.positions.offset, std::uint64_t{rows.tokens} * 4));
    accesses.push_back(Access::read(*rope.turns.buffer, rope.turns.offset, rope.rope->turns.size() * 8));
}

Result<const host::Pipeline*> pipeline_of(host::Device& device, std::string_view algorithm, CacheKind kind,
                                          std::span<const std::uint32_t> constants) {
    return kernel_pipeline(device, fmt::format("{}_{}", algorithm, cache_kind_name(kind)), constants);
}

struct AppendArguments {
    std::uint64_t x, cache, cells, positions, turns;
    std::uint32_t token_bytes, head_bytes, kv_heads, capacity, rope_dims;
    float rope_magnitude;
};

struct RotateArguments {
    std::uint64_t x, y, positions, turns;
    std::uint32_t x_token_bytes, x_head_bytes, y_token_bytes, y_head_bytes, rope_dims;
    float rope_magnitude;
};

std::vector<std::uint32_t> append_constants(const HeadRows& rows, const RopeOperands& rope, Rotation rotation,
                                            const CacheTarget& target) {
    const CacheFormat& format = *target.format;
    const CacheLayout& layout = *target.layout;
    std::vector<std::uint32_t> constants = head_constants(layout.kind(), rows, rope, rotation);
    const std::uint32_t place = layout.kind() == CacheKind::wide ? 2 : layout.side() == CacheSide::k ? 0 : 1;
    const std::uint32_t group = format.group == 0 ? rows.head_dim : format.group;
    constants.insert(constants.end(),
                     {static_cast<std::uint32_t>(format.coding), format.bits, format.zero, format.group,
                      place, std::bit_ceil(group) / 2, std::max(1U, format.groups(rows.head_dim))});
    std::span<const float> levels = format.levels(rows.head_dim);
    if (format.coding == CacheCoding::affine && format.group == 0) levels = affine_clips(format.bits);
    for (std::size_t i = 0; i < 16; i++)
        constants.push_back(std::bit_cast<std::uint32_t>(i < levels.size() ? levels[i] : 0.0F));
    constants.push_back(std::bit_cast<std::uint32_t>(std::sqrt(static_cast<float>(rows.head_dim))));
    return constants;
}

}  // namespace

HeadRows HeadRows::dense() const {
    HeadRows out = *this;
    if (out.head_bytes == 0) out.head_bytes = std::uint64_t{head_dim} * (half ? 2 : 4);
    if (out.token_bytes == 0) out.token_bytes = out.head_bytes * heads;
    return out;
}

std::uint64_t HeadRows::bytes() const {
    return (tokens - 1) * token_bytes + (heads - 1) * head_bytes + std::uint64_t{head_dim} * (half ? 2 : 4);
}

HeadRows hadamard_blocks(const HeadRows& rows, std::uint32_t rotated_dim) {
    if (rows.head_dim == rotated_dim) return rows;
    HeadRows blocks = rows;
    blocks.head_dim = hadamard_block(rotated_dim);
    blocks.heads = rows.heads * (rows.head_dim / blocks.head_dim);
    return blocks;
}

Result<void> record_kv_append(host::Stream& stream, host::Device& device, const HeadRows& given,
                              const RopeOperands& rope, Rotation rotation, const CacheTarget& target,
                              Operand cells) {
    const HeadRows rows = given.dense();
    const CacheLayout& layout = *target.layout;
    TUFF_CHECK(target.format->check(rows.head_dim));
    if (layout.row() != target.format->row(rows.head_dim) || layout.kv_heads() != rows.heads)
        return fail(ErrorCode::usage,
                    "{} heads of {} {} values do not fit a cache of {} heads and {} bytes a row", rows.heads,
                    rows.head_dim, target.format->name, layout.kv_heads(), layout.row().bytes());
    if (layout.capacity() * layout.kv_heads() > std::numeric_limits<std::uint32_t>::max())
        return fail(ErrorCode::usage, "{} cells of {} KV heads are beyond the limit of 2^32",
                    layout.capacity(), layout.kv_heads());
    TUFF_CHECK(check_rows(rows, "rows for a cache"));
    TUFF_CHECK(check_rope(rope, rows));
    TUFF_CHECK(check_operand("cells of a cache", target.at, layout.bytes(), 16));
    TUFF_CHECK(check_operand("numbers of cells", cells, std::uint64_t{rows.tokens} * 4, 4));
    TUFF_TRY(pipeline,
             pipeline_of(device, "kv_append", layout.kind(), append_constants(rows, rope, rotation, target)));
    const AppendArguments args{rows.at.address(),
                               target.at.address(),
                               cells.address(),
                               rope.positions.address(),
                               rope.turns.address(),
                               u32(rows.token_bytes),
                               u32(rows.head_bytes),
                               layout.kv_heads(),
                               u32(layout.capacity()),
                               rope.rope != nullptr ? rope.rope->dims : 0,
                               rope.rope != nullptr ? rope.rope->magnitude : 1};
    std::vector<Access> accesses = {Access::read(*rows.at.buffer, rows.at.offset, rows.bytes()),
                                    Access::read(*cells.buffer, cells.offset, std::uint64_t{rows.tokens} * 4),
                                    Access::read_write(*target.at.buffer, target.at.offset, layout.bytes())};
    add_rope_accesses(accesses, rope, rows);
    return dispatch(stream, *pipeline, args, {rows.tokens, rows.heads, 1}, accesses);
}

Result<void> record_rotate_heads(host::Stream& stream, host::Device& device, CacheKind kind,
                                 const HeadRows& given, const RopeOperands& rope, Rotation rotation,
                                 bool undo, const HeadRows& given_y) {
    const HeadRows rows = given.dense(), y = given_y.dense();
    if (y.half || y.tokens != rows.tokens || y.heads != rows.heads || y.head_dim != rows.head_dim)
        return fail(ErrorCode::usage, "turned heads are f32 and as many as before");
    TUFF_CHECK(check_rows(rows, "heads"));
    TUFF_CHECK(check_rows(y, "turned heads"));
    TUFF_CHECK(check_rope(rope, rows));
    std::vector<std::uint32_t> constants = head_constants(kind, rows, rope, rotation);
    constants.push_back(undo ? 1 : 0);
    TUFF_TRY(pipeline, pipeline_of(device, "rotate_heads", kind, constants));
    const RotateArguments args{rows.at.address(),
                               y.at.address(),
                               rope.positions.address(),
                               rope.turns.address(),
                               u32(rows.token_bytes),
                               u32(rows.head_bytes),
                               u32(y.token_bytes),
                               u32(y.head_bytes),
                               rope.rope != nullptr ? rope.rope->dims : 0,
                               rope.rope != nullptr ? rope.rope->magnitude : 1};
    std::vector<Access> accesses = {Access::read(*rows.at.buffer, rows.at.offset, rows.bytes()),
                                    Access::write(*y.at.buffer, y.at.offset, y.bytes())};
    add_rope_accesses(accesses, rope, rows);
    return dispatch(stream, *pipeline, args, {rows.tokens, rows.heads, 1}, accesses);
}

}  // namespace tuff
