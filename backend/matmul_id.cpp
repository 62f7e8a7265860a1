#include "backend/matmul_id.hpp"

#include <fmt/format.h>

#include "backend/codebook_address.hpp"
#include "backend/matmul_arguments.hpp"
#include "backend/matmul_tiles.hpp"

namespace tuff {
namespace {

using host::Access;

// One plan being recorded.
class Recorder {
  public:
    Recorder(host::Stream& stream, host::Device& device, const MatmulIdPlan& plan, const Weights& weights,
             Operand x, Operand ids, Operand y, Operand scratch)
        : stream_(stream),
          device_(device),
          plan_(plan),
          s_(plan.shape),
          weights_(weights),
          x_(x),
          ids_(ids),
          y_(y),
          scratch_(scratch) {}

    Result<void> check() const {
        TUFF_CHECK(weights_.check(plan_.format->name, plan_.layout, s_.weights()));
        TUFF_CHECK(check_operand("x", x_, s_.x_floats() * sizeof(float), s_.x_alignment));
        TUFF_CHECK(check_operand("the table of ids", ids_, ids_bytes(), sizeof(std::int32_t)));
        TUFF_CHECK(check_operand("y", y_, s_.y_floats() * sizeof(float), sizeof(float)));
        if (plan_.scratch_bytes > 0)
            TUFF_CHECK(check_operand("the scratch", scratch_, plan_.scratch_bytes, kScratchAlignment));
        return {};
    }

    Result<void> record() {
        TUFF_TRY(codebook, codebook_address(device_, *plan_.format));
        codebook_ = codebook;
        if (!plan_.direct) TUFF_CHECK(make_lists());
        if (plan_.pads_activations) TUFF_CHECK(pad());
        if (plan_.layout == Layout::lanes) TUFF_CHECK(pack());
        for (std::size_t i = 0; i < plan_.parts.size(); i++)
            for (const Weights::Shard& shard : weights_.shards)
                TUFF_CHECK(multiply(i, shard, i == 0 && &shard == weights_.shards.data()));
        return {};
    }

  private:
    // Of the group counts that expert_lists.comp writes.
    enum class Counts { main, pack };

    [[nodiscard]] std::uint64_t ids_bytes() const { return s_.ids_count() * sizeof(std::int32_t); }
    [[nodiscard]] Access read_ids() const { return Access::read(*ids_.buffer, ids_.offset, ids_bytes()); }
    [[nodiscard]] Access read_x() const {
        return Access::read(*x_.buffer, x_.offset, s_.x_floats() * sizeof(float));
    }
    [[nodiscard]] Access scratch(std::uint64_t offset, std::uint64_t bytes, Access::Use use) const {
        return {scratch_.buffer, scratch_.offset + offset, bytes, use};
    }
    [[nodiscard]] Access activations(Access::Use use) const {
        return scratch(0, plan_.activation_bytes, use);
    }
    [[nodiscard]] Access lists(Access::Use use) const {
        return scratch(plan_.lists_offset, plan_.lists_bytes(), use);
    }
    // Launches that write places of their own in one range need no barrier between them: the first one stands
    // for all.
    [[nodiscard]] static Access apart(Access range, bool first) {
        if (!first) range.bytes = 0;
        return range;
    }
    [[nodiscard]] std::uint64_t tiles_address(const MatmulIdPart& part) const {
        return scratch_.address() + plan_.lists_offset + part.table * sizeof(std::uint32_t);
    }

    // As many workgroups as the lists say.
    template <class Arguments>
    Result<void> dispatch_listed(const host::Pipeline& pipeline, const Arguments& arguments, std::size_t part,
                                 Counts which, std::span<const Access> accesses) {
        static_assert(sizeof(Arguments) <= host::kPushConstantBytes);
        const std::uint64_t at = (2 * part + (which == Counts::pack ? 1 : 0)) * 3 * sizeof(std::uint32_t);
        return stream_.dispatch_indirect(pipeline, std::as_bytes(std::span(&arguments, 1)), *scratch_.buffer,
                                         scratch_.offset + plan_.lists_offset + at,
                                         {1, plan_.parts[part].most_tiles, 1}, accesses);
    }

    Result<void> make_lists() {
        const std::uint32_t width[] = {plan_.lists_width};
        TUFF_TRY(pipeline, kernel_pipeline(device_, "expert_lists", width));
        ExpertListsArguments args{ids_.address(),
                                  scratch_.address() + plan_.lists_offset,
                                  u32(s_.pairs()),
                                  u32(s_.used),
                                  u32(s_.ids_stride),
                                  u32(s_.experts),
                                  u32(s_.m),
                                  plan_.groups(),
                                  u32(plan_.parts.size()),
                                  {}};
        for (std::size_t i = 0; i < plan_.parts.size(); i++)
            args.part[i] = {plan_.parts[i].tile, plan_.parts[i].rows, plan_.parts[i].table};
        const Access accesses[] = {read_ids(), lists(Access::Use::write)};
        return dispatch(stream_, *pipeline, args, {}, accesses);
    }

    Result<void> pad() {
        TUFF_TRY(pipeline, kernel_pipeline(device_, "pad_activations", {}));
        const PadArguments args{
            x_.address(),     scratch_.address(),        u32(s_.k), u32(s_.x_slots()), plan_.groups(),
            u32(s_.x_stride), s_.x_token * sizeof(float)};
        const Access accesses[] = {read_x(), activations(Access::Use::write)};
        const std::uint32_t x = grid(std::uint64_t{plan_.groups()} * kGroupElements, 64);
        return dispatch(stream_, *pipeline, args, {x, u32(s_.x_slots()), u32(s_.n)}, accesses);
    }

    Result<void> pack() {
        // Direct: a plain packing of a single token's slots.
        const std::uint32_t by_expert[] = {plan_.direct ? 0u : 2u};
        TUFF_TRY(pipeline, kernel_pipeline(device_, "pack_activations_lanes", by_expert));
        for (std::size_t i = 0; i < plan_.parts.size(); i++) {
            const MatmulIdPart& part = plan_.parts[i];
            const PackArguments args{x_.address(),
                                     scratch_.address(),
                                     u32(s_.k),
                                     u32(s_.used),
                                     plan_.groups(),
                                     part.tile,
                                     u32(s_.x_stride),
                                     s_.x_token * sizeof(float),
                                     plan_.direct ? 0 : tiles_address(part),
                                     u32(s_.used)};
            if (plan_.direct) {
                const Access accesses[] = {read_x(), activations(Access::Use::write)};
                return dispatch(stream_, *pipeline, args, {grid(plan_.groups(), 8), u32(s_.used), u32(s_.n)},
                                accesses);
            }
            const Access accesses[] = {read_x(), lists(Access::Use::read),
                                       apart(activations(Access::Use::write), i == 0)};
            TUFF_CHECK(dispatch_listed(*pipeline, args, i, Counts::pack, accesses));
        }
        return {};
    }

    Result<void> multiply(std::size_t index, const Weights::Shard& shard, bool first) {
        const MatmulIdPart& part = plan_.parts[index];
        TUFF_TRY(
            pipeline,
            kernel_pipeline(device_, fmt::format("{}.{}", algorithm_name(part.algorithm), plan_.format->name),
                            part.specialization));
        const ShardRange& range = shard.range;
        const bool own_x = plan_.activation_bytes > 0;
        const std::uint64_t x = (own_x ? scratch_ : x_).address();
        const std::uint64_t y = y_.address() + range.first_row * sizeof(float);
        const std::uint64_t row = plan_.pads_activations ? std::uint64_t{plan_.groups()} * kGroupElements : 0;
        const std::uint32_t x_stride = u32(s_.shared_x ? 0 : row > 0 ? row : s_.x_stride);
        const std::uint64_t x_token = (row > 0 ? s_.x_slots() * row : s_.x_token) * sizeof(float);
        const std::uint64_t y_token = s_.y_token * sizeof(float),
                            matrix = shard.buffer.size() / range.batches;
        const std::uint32_t row_bytes = u32(*matrix_bytes(*plan_.format, Layout::blocks, {1, s_.k, 1}));
        const ExpertArguments by_expert{plan_.direct ? ids_.address() : tiles_address(part), u32(s_.experts),
                                        u32(range.first_batch), u32(range.batches), u32(s_.ids_stride)};
        const auto launch = [&](const auto& args) -> Result<void> {
            const Access accesses[] = {
                Access::read(shard.buffer), own_x ? activations(Access::Use::read) : read_x(),
                plan_.direct ? read_ids() : lists(Access::Use::read),
                apart(Access::write(*y_.buffer, y_.offset, s_.y_floats() * sizeof(float)), first)};
            if (!plan_.direct) return dispatch_listed(*pipeline, args, index, Counts::main, accesses);
            return dispatch(stream_, *pipeline, args,
                            {u32(ceil_div(range.rows, part.rows)), u32(s_.pairs()), 1}, accesses);
        };
        const std::uint32_t rows = u32(range.rows), groups = plan_.groups(), used = u32(s_.used),
                            y_stride = u32(s_.y_stride);
        if (part.algorithm == MatmulAlgorithm::matmul_lanes)
            return launch(LanesArguments{shard.buffer.address(), x, y, rows, part.tile, groups, y_stride,
                                         y_token, matrix, used, 0, by_expert});
        if (takes_few(part.algorithm))
            return launch(MatvecArguments{shard.buffer.address(), x, y, rows, groups, x_stride, y_stride,
                                          x_token, y_token, 0, matrix, row_bytes, row_bytes, used, 0,
                                          codebook_, by_expert});
        return launch(MatmulArguments{shard.buffer.address(), x, y, rows, part.tile, groups, 1, x_stride,
                                      y_stride, x_token, y_token, 0, matrix, row_bytes, row_bytes, used, 0,
                                      codebook_, by_expert});
    }

    // Workgroups for kernels that step over the grid where it is smaller than their work.
    [[nodiscard]] std::uint32_t grid(std::uint64_t invocations, std::uint32_t local) const {
        return groups_for(invocations, local, device_.snapshot().limits.max_workgroup_count[0]).x;
    }

    host::Stream& stream_;
    host::Device& device_;
    const MatmulIdPlan& plan_;
    const MatmulIdShape& s_;
    const Weights& weights_;
    Operand x_, ids_, y_, scratch_;
    std::uint64_t codebook_ = 0;
};

}  // namespace

Result<void> record_matmul_id(host::Stream& stream, host::Device& device, const MatmulIdPlan& plan,
                              const Weights& weights, Operand x, Operand ids, Operand y, Operand scratch) {
    Recorder recorder(stream, device, plan, weights, x, ids, y, scratch);
    TUFF_CHECK(recorder.check());
    return recorder.record();
}

}  // namespace tuff
