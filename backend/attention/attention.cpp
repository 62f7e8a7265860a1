#include "backend/attention/attention.hpp"

#include <algorithm>
#include <tuple>
#include <vector>

#include "host/bytes.hpp"

namespace tuff {
namespace {

using host::Access;
using host::plus_saturating;
using host::times_saturating;

// The push constants of the kernels, in the order of their sources.
struct KernelArguments {
    Address q, k, v, y, mask, spans, slopes, sinks;
    std::uint32_t capacity, k_head_bytes, k_cell_bytes, v_head_bytes, v_cell_bytes;
    std::uint32_t rows, kv_heads, slots, first_slot, window;
    float softcap;
    std::uint32_t mask_token_bytes, mask_head_bytes, mask_sequence_bytes, visible, visible_words;
};
// What every Vulkan device takes.
static_assert(sizeof(KernelArguments) <= 128);
struct QueryArguments {
    Address q, packed, q_sequence_bytes;
    std::uint32_t q_token_bytes, q_head_bytes, values, rows, packed_rows, group;
    float factor;
};
struct CombineArguments {
    Address partial, y, sinks;
    std::uint32_t rows, slots, values, heads;
};

// Invocations of a workgroup of attention_queries.comp and attention_combine_wide.comp.
constexpr std::uint32_t kGroup = 8;
constexpr float kLog2E = 1.44269504088896340736F;

class Recorder {
  public:
    Recorder(host::Stream& stream, host::Device& device, const AttentionPlan& plan,
             const AttentionOperands& operands)
        : stream_(stream), device_(device), plan_(plan), s_(plan.shape), o_(operands), q_(operands.q) {
        if (q_.head_stride == 0) q_.head_stride = s_.k_head;
        if (q_.token_stride == 0) q_.token_stride = s_.heads * q_.head_stride;
        if (q_.sequence_stride == 0) q_.sequence_stride = s_.tokens * q_.token_stride;
    }

    Result<void> check() const {
        if (o_.segments.size() != plan_.parts.size())
            return fail(ErrorCode::usage, "{} segments for a plan of {}", o_.segments.size(),
                        plan_.parts.size());
        const std::uint64_t stride = std::max(q_.token_stride, q_.head_stride);
        TUFF_CHECK(check_stride("q", times_saturating(stride, sizeof(float))));
        const std::uint64_t q_floats =
            plus_saturating(times_saturating(s_.sequences - 1, q_.sequence_stride),
                            (s_.tokens - 1) * q_.token_stride + (s_.heads - 1) * q_.head_stride + s_.k_head);
        TUFF_CHECK(check_operand("q", q_.at, times_saturating(q_floats, sizeof(float)), sizeof(float)));
        TUFF_CHECK(check_operand("y", o_.y, y_bytes(), sizeof(float)));
        TUFF_CHECK(check_operand("the scratch", o_.scratch, plan_.scratch_bytes, kScratchAlignment));
        const AttentionVariant& v = plan_.variant;
        if (v.alibi)
            TUFF_CHECK(check_operand("the slopes", o_.slopes, s_.heads * sizeof(float), sizeof(float)));
        if (v.sinks)
            TUFF_CHECK(check_operand("the sinks", o_.sinks, s_.heads * sizeof(float), sizeof(float)));
        if (v.mask != GivenMask::none) TUFF_CHECK(check_mask());
        for (std::size_t i = 0; i < plan_.parts.size(); i++)
            TUFF_CHECK(check_cells(plan_.parts[i].segment, o_.segments[i]));
        return {};
    }

    Result<void> record() {
        TUFF_CHECK(pack());
        if (looks())
            for (std::size_t i = 0; i < plan_.parts.size(); i++) TUFF_CHECK(look(i));
        for (std::size_t i = 0; i < plan_.parts.size(); i++) TUFF_CHECK(attend(i));
        if (!plan_.direct()) TUFF_CHECK(combine());
        return {};
    }

  private:
    static Result<void> check_stride(std::string_view what, std::uint64_t bytes) {
        if (bytes > ~std::uint32_t{0})
            return fail(ErrorCode::usage, "{} has rows {} bytes apart; the limit is {}", what, bytes,
                        ~std::uint32_t{0});
        return {};
    }

    // Rows hold a value for every cell that a span may have.
    [[nodiscard]] Result<void> check_mask() const {
        const AttentionMaskOperand& mask = o_.mask;
        const std::uint64_t value = plan_.variant.mask == GivenMask::f16 ? 2 : 4;
        if (!mask.segment_bytes.empty() && mask.segment_bytes.size() != plan_.parts.size())
            return fail(ErrorCode::usage, "{} places of a mask for {} segments", mask.segment_bytes.size(),
                        plan_.parts.size());
        for (const std::uint64_t stride : {mask.token_stride, mask.head_stride, mask.sequence_stride}) {
            TUFF_CHECK(check_stride("the mask", stride));
            if (stride % value != 0)
                return fail(ErrorCode::usage, "the mask has rows {} bytes apart, not a multiple of {}",
                            stride, value);
        }
        std::uint64_t row = 0;
        for (std::size_t i = 0; i < plan_.parts.size(); i++) {
            const std::uint64_t begin = mask_begin(i);
            if (begin % value != 0)
                return fail(ErrorCode::usage, "segment {} begins at byte {} of a mask, not a multiple of {}",
                            i, begin, value);
            row = std::max(row, plus_saturating(begin, plan_.parts[i].segment.cells * value));
        }
        const std::uint64_t last_row = (s_.sequences - 1) * mask.sequence_stride +
                                       (s_.tokens - 1) * mask.token_stride +
                                       (s_.heads - 1) * mask.head_stride;
        return check_operand("the mask", mask.at, plus_saturating(last_row, row), value);
    }
    // Where a segment begins in a row of the mask.
    [[nodiscard]] std::uint64_t mask_begin(std::size_t i) const {
        return o_.mask.segment_bytes.empty() ? 0 : o_.mask.segment_bytes[i];
    }

    [[nodiscard]] Result<void> check_cells(const AttentionSegment& segment,
                                           const AttentionCells& cells) const {
        TUFF_CHECK(check_operand("the spans", cells.spans, s_.sequences * sizeof(CacheSpan), 16));
        const bool shared = segment.place == CachePlace::shared;
        if (segment.place == CachePlace::blocks) {
            for (const auto& [what, at, rows, format, head] :
                 {std::tuple{"K", cells.k, &cells.k_rows, segment.k_format, s_.k_head},
                  std::tuple{"V", cells.v, &cells.v_rows, segment.v_format, s_.v_head}}) {
                const std::uint64_t grain = format->coding == CacheCoding::f32 ? 4 : 2;
                if (rows->position_stride % grain != 0 || rows->head_stride % grain != 0)
                    return fail(ErrorCode::usage,
                                "{} in {} has strides of {} and {} bytes, not multiples of {}", what,
                                format->name, rows->position_stride, rows->head_stride, grain);
                TUFF_CHECK(check_stride(what, std::max(rows->position_stride, rows->head_stride)));
                // One cell of every head: which more there are is the spans' to say, in device memory.
                const std::uint64_t bytes = (s_.kv_heads - 1) * rows->head_stride + format->row_bytes(head);
                TUFF_CHECK(check_operand(what, at, bytes, grain));
            }
            return {};
        }
        if (cells.capacity == 0 || cells.capacity % kTilePositions != 0 ||
            cells.capacity > ~std::uint32_t{0} / s_.kv_heads)
            return fail(ErrorCode::usage,
                        "a capacity of {} cells for {} kv heads: it is a multiple of {}, and all heads' less "
                        "than 2^32",
                        cells.capacity, s_.kv_heads, kTilePositions);
        const std::uint64_t rows = cells.capacity * s_.kv_heads;
        TUFF_CHECK(check_operand("K", cells.k, rows * segment.k_format->row_bytes(s_.k_head), 16));
        if (shared) return {};
        return check_operand("V", cells.v, rows * segment.v_format->row_bytes(s_.v_head), 16);
    }

    [[nodiscard]] std::uint64_t y_bytes() const {
        return std::uint64_t{s_.sequences} * s_.tokens * s_.heads * s_.v_head * sizeof(float);
    }
    [[nodiscard]] Access queries(Access::Use use) const {
        return {o_.scratch.buffer, o_.scratch.offset, plan_.query_bytes, use};
    }
    [[nodiscard]] Access visible(std::size_t i, Access::Use use) const {
        const std::uint64_t end =
            i + 1 < plan_.parts.size() ? plan_.parts[i + 1].visible_offset : plan_.partial_offset;
        return {o_.scratch.buffer, o_.scratch.offset + plan_.parts[i].visible_offset,
                end - plan_.parts[i].visible_offset, use};
    }
    [[nodiscard]] Access partial(Access::Use use) const {
        return {o_.scratch.buffer, o_.scratch.offset + plan_.partial_offset,
                plan_.scratch_bytes - plan_.partial_offset, use};
    }
    [[nodiscard]] bool masked() const { return plan_.variant.mask != GivenMask::none; }
    [[nodiscard]] bool looks() const { return plan_.parts[0].visible_words > 0; }
    [[nodiscard]] bool shared(std::size_t i) const {
        return plan_.parts[i].segment.place == CachePlace::shared;
    }
    static Access read(Operand operand) { return Access::read(*operand.buffer, operand.offset); }

    // Workgroups for kernels that step over the grid where it is smaller than their work.
    [[nodiscard]] std::uint32_t grid(std::uint64_t groups) const {
        return u32(std::min<std::uint64_t>(groups, device_.snapshot().limits.max_workgroup_count[0]));
    }

    Result<void> pack() {
        TUFF_TRY(pipeline, kernel_pipeline(device_, "attention_queries", {}));
        const AttentionVariant& v = plan_.variant;
        const std::uint32_t packed_rows = plan_.tiles * plan_.tile_rows;
        // A soft-capped logit is divided by its cap; others go to exp2 as they are.
        const float factor = v.softcap > 0 ? v.scale / v.softcap : v.scale * kLog2E;
        const QueryArguments args{q_.at.address(),
                                  o_.scratch.address(),
                                  q_.sequence_stride * sizeof(float),
                                  u32(q_.token_stride * sizeof(float)),
                                  u32(q_.head_stride * sizeof(float)),
                                  s_.k_head,
                                  s_.rows(),
                                  packed_rows,
                                  s_.group(),
                                  factor};
        const Access accesses[] = {read(q_.at), queries(Access::Use::write)};
        return dispatch(stream_, *pipeline, args,
                        {grid(ceil_div(packed_rows, kGroup)), s_.kv_heads, s_.sequences}, accesses);
    }

    [[nodiscard]] KernelArguments arguments(std::size_t i) const {
        const AttentionPart& part = plan_.parts[i];
        const AttentionCells& cells = o_.segments[i];
        const AttentionVariant& v = plan_.variant;
        return {o_.scratch.address(),
                cells.k.address(),
                (shared(i) ? cells.k : cells.v).address(),
                plan_.direct() ? o_.y.address() : o_.scratch.address() + plan_.partial_offset,
                masked() ? o_.mask.at.address() + mask_begin(i) : 0,
                cells.spans.address(),
                o_.slopes.address(),
                o_.sinks.address(),
                u32(cells.capacity),
                u32(cells.k_rows.head_stride),
                u32(cells.k_rows.position_stride),
                u32(cells.v_rows.head_stride),
                u32(cells.v_rows.position_stride),
                s_.rows(),
                s_.kv_heads,
                plan_.slots,
                part.first_slot,
                v.window,
                v.softcap * kLog2E,
                u32(o_.mask.token_stride),
                u32(o_.mask.head_stride),
                u32(o_.mask.sequence_stride),
                u32(part.visible_offset / sizeof(std::uint32_t)),
                part.visible_words};
    }

    // Which tiles of cells the mask hides.
    Result<void> look(std::size_t i) {
        const AttentionPart& part = plan_.parts[i];
        TUFF_TRY(pipeline, kernel_pipeline(device_, "attention_visible", part.specialization));
        const std::uint32_t masks = s_.sequences * (o_.mask.head_stride == 0 ? 1 : s_.kv_heads);
        const std::uint32_t words =
            std::min(part.visible_words, device_.snapshot().limits.max_workgroup_count[1]);
        const Access accesses[] = {read(o_.mask.at), read(o_.segments[i].spans),
                                   visible(i, Access::Use::write)};
        return dispatch(stream_, *pipeline, arguments(i), {plan_.tiles, words, masks}, accesses);
    }

    Result<void> attend(std::size_t i) {
        const AttentionPart& part = plan_.parts[i];
        const AttentionCells& cells = o_.segments[i];
        TUFF_TRY(pipeline, kernel_pipeline(device_, attention_kernel(plan_.kind), part.specialization));
        const AttentionVariant& v = plan_.variant;
        std::vector<Access> accesses{queries(Access::Use::read), read(cells.k), read(cells.spans)};
        if (!shared(i)) accesses.push_back(read(cells.v));
        if (masked()) accesses.push_back(read(o_.mask.at));
        if (looks()) accesses.push_back(visible(i, Access::Use::read));
        if (v.alibi) accesses.push_back(read(o_.slopes));
        if (v.sinks && plan_.direct()) accesses.push_back(read(o_.sinks));
        // Segments write slots of their own: no launch waits for another, and the merge for the last.
        if (plan_.direct())
            accesses.push_back(Access::write(*o_.y.buffer, o_.y.offset, y_bytes()));
        else if (i + 1 == plan_.parts.size())
            accesses.push_back(partial(Access::Use::write));
        return dispatch(stream_, *pipeline, arguments(i),
                        {plan_.tiles, part.splits, s_.sequences * s_.kv_heads}, accesses);
    }

    Result<void> combine() {
        const bool lanes = plan_.kind == CacheKind::lanes;
        const std::uint32_t specialization[] = {plan_.variant.sinks, s_.v_head};
        TUFF_TRY(pipeline,
                 kernel_pipeline(device_, lanes ? "attention_combine_lanes" : "attention_combine_wide",
                                 std::span(specialization).first(lanes ? 2 : 1)));
        const std::uint64_t rows = std::uint64_t{s_.sequences} * s_.tokens * s_.heads;
        const CombineArguments args{o_.scratch.address() + plan_.partial_offset,
                                    o_.y.address(),
                                    o_.sinks.address(),
                                    u32(rows),
                                    plan_.slots,
                                    s_.v_head,
                                    s_.heads};
        std::vector<Access> accesses{partial(Access::Use::read),
                                     Access::write(*o_.y.buffer, o_.y.offset, y_bytes())};
        if (plan_.variant.sinks) accesses.push_back(read(o_.sinks));
        const std::uint32_t x = grid(rows);
        const std::uint64_t y = lanes ? ceil_div(rows, x) : ceil_div(s_.v_head, kGroup);
        return dispatch(stream_, *pipeline, args, {x, u32(y), 1}, accesses);
    }

    host::Stream& stream_;
    host::Device& device_;
    const AttentionPlan& plan_;
    const AttentionShape& s_;
    const AttentionOperands& o_;
    AttentionQueries q_;
};

}  // namespace

Result<void> record_attention(host::Stream& stream, host::Device& device, const AttentionPlan& plan,
                              const AttentionOperands& operands) {
    Recorder recorder(stream, device, plan, operands);
    TUFF_CHECK(recorder.check());
    return recorder.record();
}

}  // namespace tuff
