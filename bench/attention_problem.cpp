#include "bench/attention_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "backend/arithmetic.hpp"
#include "backend/half.hpp"
#include "backend/kv/append.hpp"
#include "backend/kv/row_codec.hpp"
#include "bench/check.hpp"
#include "bench/random.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

constexpr std::size_t kPoolRows = 251;  // a prime: no stride of a wrong kernel meets the same row
constexpr std::uint64_t kGuardFloats = 64;
constexpr float kHidden = -std::numeric_limits<float>::infinity();

// Mixes numbers into one that looks random (the finalizer of splitmix64).
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    std::uint64_t x = a * 0x9e3779b97f4a7c15U + b + 0x632be59bd9b4e019U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

Result<host::Buffer> upload(Session& session, host::Intent intent, std::span<const std::byte> bytes,
                            std::string_view label) {
    TUFF_TRY(buffer, session.device().allocate(intent, std::max<std::size_t>(bytes.size(), 16), label));
    TUFF_CHECK(host::upload(session.device(), buffer, 0, bytes));
    return std::move(buffer);
}

// A row as GGUF has it: blocks instead of planes.
void to_blocks(const CacheFormat& format, std::uint32_t head, std::span<const std::byte> row,
               std::byte* out) {
    if (!format.quantized()) {
        std::ranges::copy(row, out);
        return;
    }
    const std::byte *low = nullptr, *high = nullptr, *scales = nullptr, *offsets = nullptr, *at = row.data();
    for (const RowPlane& plane : format.planes(head)) {
        (plane.kind == PlaneKind::scales    ? scales
         : plane.kind == PlaneKind::offsets ? offsets
         : plane.shift > 0                  ? high
                                            : low) = at;
        at += plane.bytes;
    }
    const std::size_t low_bytes = format.bits == 8 ? 32 : 16;
    for (std::size_t b = 0; b < head / 32; b++) {
        out = std::copy_n(scales + 2 * b, 2, out);
        if (offsets) out = std::copy_n(offsets + 2 * b, 2, out);
        if (high) {  // value i + 4 j is bit j of byte i here, bit i + 4 j of a word there
            std::uint32_t word = 0;
            for (std::size_t e = 0; e < 32; e++)
                word |= ((static_cast<std::uint32_t>(high[4 * b + e % 4]) >> (e / 4)) & 1U) << e;
            store(out, word);
            out += 4;
        }
        out = std::copy_n(low + low_bytes * b, low_bytes, out);
    }
}

}  // namespace

std::string AttentionCase::text() const {
    std::string text = fmt::format("{}/{}x{}", shape.heads, shape.kv_heads, shape.k_head);
    if (shape.v_head != shape.k_head) text += fmt::format("/{}", shape.v_head);
    std::uint64_t cells = 0;
    for (const AttentionSegmentCase& segment : segments) cells += std::ranges::max(segment.cells);
    text += fmt::format(" {}@{}", shape.tokens, cells);
    if (shape.sequences > 1) text += fmt::format(" x{}", shape.sequences);
    if (variant.window > 0) text += fmt::format(" window {}", variant.window);
    if (variant.causal) text += " causal";
    if (variant.mask != GivenMask::none) text += variant.mask == GivenMask::f16 ? " mask f16" : " mask f32";
    if (mask_is_causal) text += " causal";
    if (variant.softcap > 0) text += " softcap";
    if (variant.alibi) text += " alibi";
    if (variant.sinks) text += " sinks";
    if (k_rotation != tuff::Rotation::none || v_rotation != tuff::Rotation::none) text += " rotated";
    return text;
}

bool AttentionCase::exact() const {
    return std::ranges::all_of(segments, [](const AttentionSegmentCase& segment) {
        return segment.k->coding == CacheCoding::f16 && segment.v->coding == CacheCoding::f16;
    });
}

std::string AttentionCase::format_text() const {
    std::string text;
    for (const AttentionSegmentCase& segment : segments) {
        if (!text.empty()) text += "+";
        text += segment.k->name;
        if (segment.v != segment.k) text += fmt::format("/{}", segment.v->name);
    }
    if (segments.front().place == CachePlace::blocks) text += " blocks";
    if (segments.front().place == CachePlace::shared) text += " shared";
    return text;
}

Result<AttentionProblem> AttentionProblem::create(Session& session, AttentionCase one, std::uint64_t seed,
                                                  std::uint64_t rotation_bytes) {
    AttentionProblem problem(session, std::move(one), seed);
    TUFF_CHECK(problem.make(rotation_bytes));
    return problem;
}

Result<void> AttentionProblem::make(std::uint64_t rotation_bytes) {
    std::vector<AttentionSegment> planned;
    for (const AttentionSegmentCase& what : case_.segments)
        planned.push_back({what.k, what.v, what.place, std::max(1U, std::ranges::max(what.cells))});
    TUFF_TRY(plan, plan_attention(session_->snapshot(), case_.kind, case_.shape, case_.variant, planned,
                                  case_.tuning));
    plan_ = std::move(plan);
    std::vector<std::uint32_t> before(case_.shape.sequences);
    for (const AttentionSegmentCase& what : case_.segments) TUFF_CHECK(make_segment(what, before));
    TUFF_CHECK(make_operands());
    count_work();
    const std::size_t copies =
        std::clamp<std::uint64_t>(rotation_bytes / std::max<std::uint64_t>(cache_bytes_, 1), 1, 16);
    while (sets_.size() < copies) {
        Set set;
        for (const Segment& segment : segments_) {
            TUFF_TRY(k, upload_side(segment, CacheSide::k, sets_.size()));
            TUFF_TRY(v, upload_side(segment, CacheSide::v, sets_.size()));
            set.k.push_back(std::move(k));
            set.v.push_back(std::move(v));
        }
        sets_.push_back(std::move(set));
    }
    return {};
}

Result<void> AttentionProblem::make_segment(const AttentionSegmentCase& what,
                                            std::vector<std::uint32_t>& before) {
    const AttentionShape& s = case_.shape;
    Segment segment;
    segment.what = what;
    Random random(mix(seed_, segments_.size()));
    const bool shared = what.place == CachePlace::shared;
    for (Pool* pool : {&segment.k, &segment.v}) {
        if (pool == &segment.v && shared) break;
        const CacheFormat& format = pool == &segment.k ? *what.k : *what.v;
        pool->decoded.head = pool == &segment.k ? s.k_head : s.v_head;
        pool->row_bytes = format.row_bytes(pool->decoded.head);
        pool->rows.resize(kPoolRows * pool->row_bytes);
        std::vector<float> values(pool->decoded.head);
        for (std::size_t i = 0; i < kPoolRows; i++) {
            // Rows of different sizes, off zero: what a lost scale or offset would show in.
            const float size = 0.25F + random.uniform(0, 1), shift = random.uniform(-0.5F, 0.5F);
            for (float& value : values) value = size * random.uniform(-1, 1) + shift;
            const std::span<std::byte> row(pool->rows.data() + i * pool->row_bytes, pool->row_bytes);
            encode_row(format, values, row);
            pool->decoded.append(format, row);
        }
    }
    if (shared) {
        segment.v.decoded.head = s.v_head;
        for (std::size_t i = 0; i < kPoolRows; i++) {
            const auto at = static_cast<std::ptrdiff_t>(i * s.k_head);
            segment.v.decoded.values.insert(segment.v.decoded.values.end(),
                                            segment.k.decoded.values.begin() + at,
                                            segment.k.decoded.values.begin() + at + s.v_head);
            segment.v.decoded.magnitudes.insert(segment.v.decoded.magnitudes.end(),
                                                segment.k.decoded.magnitudes.begin() + at,
                                                segment.k.decoded.magnitudes.begin() + at + s.v_head);
        }
    }
    segment.stride_cells = u32(round_up(std::max(1U, std::ranges::max(what.cells)), kTilePositions));
    segment.first_mask = mask_cells_;
    mask_cells_ += segment.stride_cells;
    for (std::uint32_t i = 0; i < s.sequences; i++) {
        segment.spans.push_back({what.cells[i], i * segment.stride_cells, before[i], 0});
        before[i] += what.cells[i];
    }
    segments_.push_back(std::move(segment));
    return {};
}

std::size_t AttentionProblem::pick(const Segment& segment, CacheSide side, std::uint32_t sequence,
                                   std::uint32_t kv_head, std::uint32_t cell) const {
    const bool v = side == CacheSide::v && segment.what.place != CachePlace::shared;
    return mix(mix(sequence * 65536U + kv_head, cell), v ? 2 : 1) % kPoolRows;
}

Result<host::Buffer> AttentionProblem::upload_side(const Segment& segment, CacheSide side,
                                                   std::size_t set) const {
    const AttentionShape& s = case_.shape;
    const bool k = side == CacheSide::k;
    const Pool& pool = k ? segment.k : segment.v;
    if (!k && segment.what.place == CachePlace::shared) return host::Buffer();
    const std::uint64_t cells = std::uint64_t{segment.stride_cells} * s.sequences;
    const std::string label = fmt::format("{} of set {}", k ? "K" : "V", set);
    std::vector<std::byte> memory;
    const auto each_cell = [&](const auto& place) {
        for (std::uint32_t q = 0; q < s.sequences; q++)
            for (std::uint32_t h = 0; h < s.kv_heads; h++)
                for (std::uint32_t c = 0; c < segment.what.cells[q]; c++)
                    place(q * std::uint64_t{segment.stride_cells} + c, h,
                          std::span(pool.rows).subspan(pick(segment, side, q, h, c) * pool.row_bytes,
                                                       pool.row_bytes));
    };
    const CacheFormat& format = k ? *segment.what.k : *segment.what.v;
    if (segment.what.place == CachePlace::blocks) {
        // [cell][kv head], as llama.cpp's cache holds what it then permutes; bytes beside filled rows are
        // NaNs.
        memory.assign(cells * s.kv_heads * pool.row_bytes, std::byte{0xff});
        each_cell([&](std::uint64_t cell, std::uint32_t h, std::span<const std::byte> row) {
            to_blocks(format, pool.decoded.head, row,
                      memory.data() + (cell * s.kv_heads + h) * pool.row_bytes);
        });
        return upload(*session_, host::Intent::cache, memory, label);
    }
    const CacheSide laid = segment.what.place == CachePlace::shared ? CacheSide::v : side;
    TUFF_TRY(layout, CacheLayout::make(case_.kind, laid, format.row(pool.decoded.head), s.kv_heads, cells));
    // What nobody wrote is NaNs, except in tiles that also hold filled cells.
    memory.assign(layout.bytes(), std::byte{0xff});
    const std::vector<std::byte> empty(std::size_t{8} * pool.row_bytes);
    for (std::uint32_t q = 0; q < s.sequences; q++)
        for (std::uint32_t h = 0; h < s.kv_heads; h++)
            layout.pack(h,
                        q * std::uint64_t{segment.stride_cells} + segment.what.cells[q] / 8 * 8 -
                            (segment.what.cells[q] == segment.stride_cells ? 8 : 0),
                        8, empty, memory);
    each_cell([&](std::uint64_t cell, std::uint32_t h, std::span<const std::byte> row) {
        layout.pack(h, cell, 1, row, memory);
    });
    return upload(*session_, host::Intent::cache, memory, label);
}

std::uint64_t AttentionProblem::first_query(std::uint32_t sequence) const {
    std::uint64_t cells = 0;
    for (const Segment& segment : segments_) cells += segment.what.cells[sequence];
    return cells > case_.shape.tokens ? cells - case_.shape.tokens : 0;
}

Result<void> AttentionProblem::make_operands() {
    const AttentionShape& s = case_.shape;
    const AttentionVariant& v = case_.variant;
    Random random(mix(seed_, 1000));
    q_.resize(std::size_t{s.sequences} * s.tokens * s.heads * s.k_head);
    for (float& value : q_) value = case_.magnitude * random.uniform(-1, 1);
    TUFF_TRY(q, upload(*session_, host::Intent::scratch, std::as_bytes(std::span(q_)), "q"));
    q_buffer_ = std::move(q);
    for (Segment& segment : segments_) {
        for (std::uint32_t i = 0; i < s.sequences; i++)
            segment.spans[i].query_position = static_cast<std::uint32_t>(first_query(i));
        TUFF_TRY(spans,
                 upload(*session_, host::Intent::scratch, std::as_bytes(std::span(segment.spans)), "spans"));
        segment.span_buffer = std::move(spans);
    }
    if (v.alibi) {
        slopes_ = alibi_slopes(s.heads, 8);
        TUFF_TRY(slopes,
                 upload(*session_, host::Intent::scratch, std::as_bytes(std::span(slopes_)), "slopes"));
        slopes_buffer_ = std::move(slopes);
    }
    if (v.sinks) {
        for (std::uint32_t h = 0; h < s.heads; h++) sinks_.push_back(random.uniform(-2, 2));
        TUFF_TRY(sinks, upload(*session_, host::Intent::scratch, std::as_bytes(std::span(sinks_)), "sinks"));
        sinks_buffer_ = std::move(sinks);
    }
    if (v.mask != GivenMask::none) {
        make_mask();
        std::vector<std::uint16_t> halves;
        for (const float value : mask_) halves.push_back(float_to_half(value));
        TUFF_TRY(mask, upload(*session_, host::Intent::scratch,
                              v.mask == GivenMask::f16 ? std::as_bytes(std::span(halves))
                                                       : std::as_bytes(std::span(mask_)),
                              "mask"));
        mask_buffer_ = std::move(mask);
    }
    const std::uint64_t y_floats =
        std::uint64_t{s.sequences} * s.tokens * s.heads * s.v_head + 2 * kGuardFloats;
    TUFF_TRY(y, session_->device().allocate(host::Intent::scratch, y_floats * sizeof(float), "y"));
    y_ = std::move(y);
    TUFF_TRY(scratch,
             session_->device().allocate(host::Intent::scratch, plan_.scratch_bytes, "attention scratch"));
    scratch_ = std::move(scratch);
    if (case_.k_rotation != tuff::Rotation::none) {
        TUFF_TRY(turned, session_->device().allocate(host::Intent::scratch, q_.size() * sizeof(float),
                                                     "rotated queries"));
        turned_ = std::move(turned);
    }
    return poison();
}

// [sequence][token][cell], the same for all heads. Hidden are, where not what comes after a token, a third of
// the cells, all from the second token, and a third of all runs of 32 from everybody.
void AttentionProblem::make_mask() {
    const AttentionShape& s = case_.shape;
    Random random(mix(seed_, 1001));
    mask_.resize(std::size_t{s.sequences} * s.tokens * mask_cells_);
    std::size_t at = 0;
    for (std::uint32_t q = 0; q < s.sequences; q++)
        for (std::uint32_t token = 0; token < s.tokens; token++)
            for (const Segment& segment : segments_)
                for (std::uint32_t cell = 0; cell < segment.stride_cells; cell++, at++) {
                    const CacheSpan& span = segment.spans[q];
                    const bool hide =
                        case_.mask_is_causal
                            ? span.first_position + cell > span.query_position + token
                            : random.below(3) == 0 || token == 1 || at % mask_cells_ / 32 % 3 == 1;
                    const float seen = case_.mask_is_causal ? 0 : random.uniform(-2, 2);
                    mask_[at] = hide ? kHidden : half_to_float(float_to_half(seen));
                }
}

float AttentionProblem::bias(const Segment& segment, std::uint32_t sequence, std::uint32_t token,
                             std::uint32_t head, std::uint32_t cell) const {
    const AttentionVariant& v = case_.variant;
    const CacheSpan& span = segment.spans[sequence];
    const std::int64_t distance = std::int64_t{span.first_position} + cell - span.query_position - token;
    if (v.causal && distance > 0) return kHidden;
    if (v.window > 0 && distance <= -std::int64_t{v.window}) return kHidden;
    const float slope = v.alibi ? slopes_[head] : 1;
    if (v.mask != GivenMask::none)
        return slope * mask_[(std::size_t{sequence} * case_.shape.tokens + token) * mask_cells_ +
                             segment.first_mask + cell];
    return v.alibi ? slope * static_cast<float>(distance) : 0;
}

void AttentionProblem::count_work() {
    const AttentionShape& s = case_.shape;
    for (std::uint32_t q = 0; q < s.sequences; q++)
        for (const Segment& segment : segments_) {
            const std::uint64_t rows = std::uint64_t{segment.what.cells[q]} * s.kv_heads;
            cache_bytes_ += rows * (segment.k.row_bytes + segment.v.row_bytes);
            std::uint64_t seen = 0;
            for (std::uint32_t t = 0; t < s.tokens; t++) {
                const std::int64_t own =
                    std::int64_t{segment.spans[q].query_position} + t - segment.spans[q].first_position;
                std::int64_t first = 0, last = std::int64_t{segment.what.cells[q]} - 1;
                if (case_.variant.causal || case_.mask_is_causal) last = std::min(last, own);
                if (case_.variant.window > 0) first = std::max(first, own - case_.variant.window + 1);
                seen += static_cast<std::uint64_t>(std::max<std::int64_t>(0, last - first + 1));
            }
            flops_ += 2 * seen * s.heads * (s.k_head + s.v_head);
        }
}

Result<void> AttentionProblem::record(host::Stream& stream, std::size_t set) {
    const AttentionShape& s = case_.shape;
    std::vector<AttentionCells> cells;
    std::vector<std::uint64_t> mask_begin;
    const std::uint64_t mask_value = case_.variant.mask == GivenMask::f16 ? 2 : 4;
    for (std::size_t i = 0; i < segments_.size(); i++) {
        const Segment& segment = segments_[i];
        AttentionCells one;
        one.k = {&sets_[set].k[i], 0};
        one.v = {&sets_[set].v[i], 0};
        one.capacity = std::uint64_t{segment.stride_cells} * s.sequences;
        one.k_rows = {std::uint64_t{s.kv_heads} * segment.k.row_bytes, segment.k.row_bytes, 0};
        one.v_rows = {std::uint64_t{s.kv_heads} * segment.v.row_bytes, segment.v.row_bytes, 0};
        one.spans = {&segment.span_buffer, 0};
        cells.push_back(one);
        mask_begin.push_back(segment.first_mask * mask_value);
    }
    AttentionOperands operands;
    operands.q = {{case_.k_rotation == tuff::Rotation::none ? &q_buffer_ : &turned_, 0}};
    TUFF_CHECK(record_rotation(stream, CacheSide::k));
    operands.segments = cells;
    if (case_.variant.mask != GivenMask::none)
        operands.mask = {
            {&mask_buffer_, 0}, mask_cells_ * mask_value, 0, s.tokens * mask_cells_ * mask_value, mask_begin};
    if (case_.variant.alibi) operands.slopes = {&slopes_buffer_, 0};
    if (case_.variant.sinks) operands.sinks = {&sinks_buffer_, 0};
    operands.y = {&y_, kGuardFloats * sizeof(float)};
    operands.scratch = {&scratch_, 0};
    TUFF_CHECK(record_attention(stream, session_->device(), plan_, operands));
    return record_rotation(stream, CacheSide::v);
}

Result<void> AttentionProblem::record_rotation(host::Stream& stream, CacheSide side) {
    const AttentionShape& s = case_.shape;
    const bool k = side == CacheSide::k, shared = case_.segments.front().place == CachePlace::shared;
    const tuff::Rotation rotation = k ? case_.k_rotation : case_.v_rotation;
    if (rotation == tuff::Rotation::none) return {};
    HeadRows rows{{&q_buffer_, 0}, false, s.sequences * s.tokens, s.heads, s.k_head}, rotated = rows;
    if (k) {
        rotated.at = {&turned_, 0};
    } else {
        rows.at = {&y_, kGuardFloats * sizeof(float)};
        rows.head_dim = s.v_head;
        rotated = rows = hadamard_blocks(rows, shared ? s.k_head : s.v_head);
    }
    return record_rotate_heads(stream, session_->device(), case_.kind, rows, {}, rotation, !k, rotated);
}

void AttentionProblem::undo_rotation(std::vector<reference::AttentionValue>& row) const {
    const AttentionShape& s = case_.shape;
    const bool shared = case_.segments.front().place == CachePlace::shared;
    const std::size_t n = hadamard_block(shared ? s.k_head : s.v_head);
    const double unit = 1 / std::sqrt(static_cast<double>(n));
    const std::vector<reference::AttentionValue> rotated = row;
    for (std::size_t i = 0; i < row.size(); i++) {
        reference::AttentionValue& out = row[i] = {};
        double size = 0;
        for (std::size_t j = 0; j < n; j++) {
            const reference::AttentionValue& in = rotated[i / n * n + j];
            out.value += (std::popcount(i % n & j) % 2 == 0 ? unit : -unit) * in.value;
            out.bound += unit * in.bound;
            size += unit * (std::fabs(in.value) + in.bound);
        }
        // A rounding for each of the butterflies, one for the product, two for its constant.
        out.bound += static_cast<double>(std::bit_width(n) + 2) * 0x1p-24 * size;
        if (case_.v_rotation == tuff::Rotation::signed_hadamard)
            out.value *= rotation_sign(static_cast<std::uint32_t>(i));
    }
}

Result<void> AttentionProblem::poison() {
    for (host::Buffer* buffer : {&y_, &scratch_}) {
        const std::vector<std::uint32_t> words(buffer->size() / sizeof(std::uint32_t), kPoison);
        TUFF_CHECK(host::upload(session_->device(), *buffer, 0, std::as_bytes(std::span(words))));
    }
    return {};
}

double AttentionProblem::check_row(const float* y, std::uint32_t sequence, std::uint32_t token,
                                   std::uint32_t head, std::string& failure) const {
    const AttentionShape& s = case_.shape;
    const std::uint32_t kv_head = head / s.group();
    reference::CacheRows k, v;
    k.head = s.k_head;
    v.head = s.v_head;
    std::vector<float> biases;
    for (const Segment& segment : segments_)
        for (std::uint32_t c = 0; c < segment.what.cells[sequence]; c++) {
            const float one = bias(segment, sequence, token, head, c);
            if (std::isinf(one)) continue;  // a cell that nothing may depend on
            biases.push_back(one);
            for (const auto& [side, from, to] : {std::tuple{CacheSide::k, &segment.k.decoded, &k},
                                                 std::tuple{CacheSide::v, &segment.v.decoded, &v}}) {
                const auto at =
                    static_cast<std::ptrdiff_t>(pick(segment, side, sequence, kv_head, c) * to->head);
                to->values.insert(to->values.end(), from->values.begin() + at,
                                  from->values.begin() + at + to->head);
                to->magnitudes.insert(to->magnitudes.end(), from->magnitudes.begin() + at,
                                      from->magnitudes.begin() + at + to->head);
            }
        }
    const std::size_t row = (std::size_t{sequence} * s.tokens + token) * s.heads + head;
    reference::AttentionRow what;
    std::vector<float> q(q_.begin() + static_cast<std::ptrdiff_t>(row * s.k_head),
                         q_.begin() + static_cast<std::ptrdiff_t>((row + 1) * s.k_head));
    rotate(case_.k_rotation, q);  // the bits that a device computes
    what.q = q;
    what.k = &k;
    what.v = &v;
    what.bias = biases;
    what.scale = case_.variant.scale;
    what.softcap = case_.variant.softcap;
    what.sink = case_.variant.sinks;
    what.sink_logit = what.sink ? sinks_[head] : 0;
    auto exact = reference::attention_row(what, {plan_.logit_roundings, plan_.sum_roundings});
    if (case_.v_rotation != tuff::Rotation::none) undo_rotation(exact);
    double worst = 0;
    for (std::uint32_t i = 0; i < s.v_head; i++) {
        const double error = reference::error_over_bound(y[row * s.v_head + i], exact[i]);
        if (!(error <= 1) && failure.empty())
            failure = fmt::format("sequence {}, token {}, head {}, value {}: {} for {} +- {:.2g}", sequence,
                                  token, head, i, y[row * s.v_head + i], exact[i].value, exact[i].bound);
        worst = std::max(worst, error);
    }
    return worst;
}

Result<Check> AttentionProblem::check(const CheckOptions& options) {
    const AttentionShape& s = case_.shape;
    std::vector<float> y(y_.size() / sizeof(float));
    TUFF_CHECK(host::readback(session_->device(), y_, 0, std::as_writable_bytes(std::span(y))));
    Check check;
    const auto untouched = [](float value) { return std::bit_cast<std::uint32_t>(value) == kPoison; };
    if (!std::all_of(y.begin(), y.begin() + kGuardFloats, untouched) ||
        !std::all_of(y.end() - kGuardFloats, y.end(), untouched))
        check.failure = "wrote before or after the result";
    std::uint64_t cells = 0;
    for (const Segment& segment : segments_) cells += std::ranges::max(segment.what.cells);
    const std::uint64_t rows = std::uint64_t{s.sequences} * s.tokens * s.heads;
    const std::uint64_t row_work = std::max<std::uint64_t>(cells * (s.k_head + s.v_head), 1);
    const std::uint64_t wanted = std::clamp<std::uint64_t>(options.max_multiply_adds / row_work, 2, rows);
    Random random(options.seed);
    for (std::uint64_t i = 0; i < std::min(wanted, rows); i++) {
        std::uint64_t row = i;
        if (wanted < rows) row = i == 0 ? 0 : i == 1 ? rows - 1 : random.below(rows);
        const auto head = static_cast<std::uint32_t>(row % s.heads),
                   token = static_cast<std::uint32_t>(row / s.heads % s.tokens);
        const auto sequence = static_cast<std::uint32_t>(row / s.heads / s.tokens);
        check.error_over_bound = std::max(
            check.error_over_bound, check_row(y.data() + kGuardFloats, sequence, token, head, check.failure));
        check.elements_checked += s.v_head;
    }
    return check;
}

}  // namespace tuff::bench
