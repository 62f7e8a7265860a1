#include "backend/matmul.hpp"

#include <algorithm>

#include "backend/codebook_address.hpp"
#include "backend/matmul_arguments.hpp"
#include "backend/matmul_tiles.hpp"

namespace tuff {
namespace {

using host::Access;

// One plan being recorded.
class Recorder {
  public:
    Recorder(host::Stream& stream, host::Device& device, const MatmulPlan& plan, const Weights& weights,
             Operand x, Operand y, Operand scratch)
        : stream_(stream),
          device_(device),
          plan_(plan),
          s_(plan.shape),
          weights_(weights),
          x_(x),
          y_(y),
          scratch_(scratch) {}

    Result<void> check() const {
        TUFF_CHECK(weights_.check(format_of(plan_.kernel), algorithm_layout(plan_.algorithm), s_.weights()));
        TUFF_CHECK(check_operand("x", x_, s_.x_floats() * sizeof(float), s_.x_alignment));
        TUFF_CHECK(check_operand("y", y_, s_.y_floats() * sizeof(float), sizeof(float)));
        if (plan_.scratch_bytes > 0)
            TUFF_CHECK(check_operand("the scratch", scratch_, plan_.scratch_bytes, kScratchAlignment));
        return {};
    }

    Result<void> lanes() {
        for (const MatmulPart& part : plan_.parts) TUFF_CHECK(pack(part));
        for (const MatmulPart& part : plan_.parts) {
            TUFF_TRY(pipeline, kernel_pipeline(device_, plan_.kernel, part.specialization));
            const std::uint32_t tiles = u32(ceil_div(part.tokens, part.tile));
            for (const Weights::Shard& shard : weights_.shards) {
                const Window window = window_of(shard);
                LanesArguments args{
                    shard.buffer.address(),
                    scratch_.address() + part.packed_offset + window.first_batch * packed_bytes(part),
                    y_address(window) + part.first_token * s_.y_stride * sizeof(float),
                    window.rows,
                    part.tokens,
                    plan_.groups(),
                    u32(s_.y_stride),
                    s_.y_batch * sizeof(float),
                    window.w_matrix_bytes,
                    share(),
                    0};
                const Access accesses[] = {Access::read(shard.buffer),
                                           scratch(0, plan_.scratch_bytes, Access::Use::read), write_y(part)};
                TUFF_CHECK(launch(*pipeline, args, window.rows, part.rows, tiles, window.batches, accesses));
            }
        }
        return {};
    }

    Result<void> wide() {
        TUFF_TRY(codebook, codebook_address(device_, *weights_.format));
        const MatmulPart& part = plan_.parts.front();
        const bool padded = plan_.pads_activations, split = plan_.splits > 1;
        if (padded) TUFF_CHECK(pad());
        const std::uint64_t x_row = padded ? std::uint64_t{plan_.groups()} * kGroupElements : s_.x_stride;
        const std::uint64_t x_batch = (padded ? s_.n * x_row : s_.x_batch) * sizeof(float);
        const std::uint64_t y_stride = split ? s_.m : s_.y_stride, y_split = s_.n * s_.m * sizeof(float);
        const std::uint64_t y_batch = split ? plan_.splits * y_split : s_.y_batch * sizeof(float);
        const std::uint32_t row_bytes =
            u32(*matrix_bytes(*weights_.format, Layout::blocks, {1, s_.k, 1}));  // kernels of blocks read it
        TUFF_TRY(pipeline, kernel_pipeline(device_, plan_.kernel, part.specialization));
        for (const Weights::Shard& shard : weights_.shards) {
            const Window window = window_of(shard);
            const Access accesses[] = {
                Access::read(shard.buffer),
                padded ? scratch(0, plan_.scratch_bytes, Access::Use::read) : read_x(),
                split ? scratch(plan_.partial_offset, y_batch * s_.batches, Access::Use::write)
                      : write_y(part)};
            const std::uint64_t x = (padded ? scratch_ : x_).address() + window.first_batch * x_batch;
            const std::uint64_t y = split
                                        ? scratch_.address() + plan_.partial_offset +
                                              window.first_batch * y_batch + window.first_row * sizeof(float)
                                        : y_address(window);
            if (takes_few(plan_.algorithm)) {
                MatvecArguments args{shard.buffer.address(),
                                     x,
                                     y,
                                     window.rows,
                                     plan_.groups(),
                                     u32(x_row),
                                     u32(y_stride),
                                     x_batch,
                                     y_batch,
                                     y_split,
                                     window.w_matrix_bytes,
                                     row_bytes,
                                     row_bytes,
                                     share(),
                                     0,
                                     codebook};
                TUFF_CHECK(
                    launch(*pipeline, args, window.rows, part.rows, plan_.splits, window.batches, accesses));
            } else {
                MatmulArguments args{shard.buffer.address(),
                                     x,
                                     y,
                                     window.rows,
                                     u32(s_.n),
                                     plan_.groups(),
                                     plan_.splits,
                                     u32(x_row),
                                     u32(y_stride),
                                     x_batch,
                                     y_batch,
                                     y_split,
                                     window.w_matrix_bytes,
                                     row_bytes,
                                     row_bytes,
                                     share(),
                                     0,
                                     codebook};
                TUFF_CHECK(launch(*pipeline, args, window.rows, part.rows, u32(ceil_div(s_.n, part.tile)),
                                  window.batches * plan_.splits, accesses));
            }
        }
        if (split) TUFF_CHECK(reduce());
        return {};
    }

  private:
    [[nodiscard]] std::uint32_t share() const { return u32(s_.batches / s_.w_batches); }

    // What one shard of the weights computes of y, in batches of x.
    struct Window {
        std::uint32_t first_batch, batches, rows;
        std::uint64_t first_row, w_matrix_bytes;
    };
    [[nodiscard]] Window window_of(const Weights::Shard& shard) const {
        const ShardRange& r = shard.range;
        return {u32(r.first_batch) * share(), u32(r.batches) * share(), u32(r.rows), r.first_row,
                shard.buffer.size() / r.batches};
    }
    [[nodiscard]] std::uint64_t y_address(const Window& window) const {
        return y_.address() + (window.first_batch * s_.y_batch + window.first_row) * sizeof(float);
    }
    // Of one batch of packed activations.
    [[nodiscard]] std::uint64_t packed_bytes(const MatmulPart& part) const {
        return tuff::packed_bytes(part.tokens, part.tile, plan_.groups());
    }

    [[nodiscard]] Access read_x() const {
        return Access::read(*x_.buffer, x_.offset, s_.x_floats() * sizeof(float));
    }
    // Parts write interleaved columns of every batch; the whole range of one of them stands for all it may
    // touch.
    [[nodiscard]] Access write_y(const MatmulPart& part) const {
        const std::uint64_t first = part.first_token * s_.y_stride * sizeof(float);
        const std::uint64_t bytes =
            ((s_.batches - 1) * s_.y_batch + (part.tokens - 1) * s_.y_stride + s_.m) * sizeof(float);
        return Access::write(*y_.buffer, y_.offset + first, bytes);
    }
    [[nodiscard]] Access scratch(std::uint64_t offset, std::uint64_t bytes, Access::Use use) const {
        return {scratch_.buffer, scratch_.offset + offset, bytes, use};
    }

    // The main kernel over `rows` rows, in as many launches as the device's grid limit asks for.
    template <class Arguments>
    Result<void> launch(const host::Pipeline& pipeline, Arguments& args, std::uint32_t rows,
                        std::uint32_t rows_per_group, std::uint32_t y, std::uint32_t z,
                        std::span<const Access> accesses) {
        const std::uint32_t groups = u32(ceil_div(rows, rows_per_group));
        for (std::uint32_t first = 0; first < groups; first += plan_.max_groups_x) {
            args.first_group = first;
            TUFF_CHECK(dispatch(stream_, pipeline, args, {std::min(groups - first, plan_.max_groups_x), y, z},
                                accesses));
        }
        return {};
    }

    // Workgroups for kernels that step over the grid where it is smaller than their work.
    [[nodiscard]] std::uint32_t grid(std::uint64_t invocations, std::uint32_t local) const {
        return groups_for(invocations, local, plan_.max_groups_x).x;
    }

    Result<void> pack(const MatmulPart& part) {
        TUFF_TRY(pipeline, kernel_pipeline(device_, "pack_activations_lanes", {}));
        const std::uint32_t groups = plan_.groups(), tiles = u32(ceil_div(part.tokens, part.tile));
        const PackArguments args{x_.address() + part.first_token * s_.x_stride * sizeof(float),
                                 scratch_.address() + part.packed_offset,
                                 u32(s_.k),
                                 part.tokens,
                                 groups,
                                 part.tile,
                                 u32(s_.x_stride),
                                 s_.x_batch * sizeof(float)};
        const Access accesses[] = {
            read_x(), scratch(part.packed_offset, s_.batches * packed_bytes(part), Access::Use::write)};
        return dispatch(stream_, *pipeline, args,
                        {grid(std::uint64_t{groups} * part.tile, 8), tiles, u32(s_.batches)}, accesses);
    }

    Result<void> pad() {
        TUFF_TRY(pipeline, kernel_pipeline(device_, "pad_activations", {}));
        const std::uint32_t groups = plan_.groups();
        const PadArguments args{x_.address(),     scratch_.address(),        u32(s_.k), u32(s_.n), groups,
                                u32(s_.x_stride), s_.x_batch * sizeof(float)};
        const std::uint64_t bytes = s_.batches * s_.n * groups * kGroupElements * sizeof(float);
        const Access accesses[] = {read_x(), scratch(0, bytes, Access::Use::write)};
        return dispatch(stream_, *pipeline, args,
                        {grid(std::uint64_t{groups} * kGroupElements, 64), u32(s_.n), u32(s_.batches)},
                        accesses);
    }

    Result<void> reduce() {
        TUFF_TRY(pipeline, kernel_pipeline(device_, "reduce_splits", {}));
        const ReduceArguments args{scratch_.address() + plan_.partial_offset,
                                   y_.address(),
                                   u32(s_.m),
                                   u32(s_.n),
                                   plan_.splits,
                                   u32(s_.y_stride),
                                   s_.y_batch * sizeof(float)};
        const std::uint64_t bytes = s_.batches * plan_.splits * s_.n * s_.m * sizeof(float);
        const Access accesses[] = {scratch(plan_.partial_offset, bytes, Access::Use::read),
                                   write_y(plan_.parts.front())};
        return dispatch(stream_, *pipeline, args, {grid(s_.m, 64), u32(s_.n), u32(s_.batches)}, accesses);
    }

    host::Stream& stream_;
    host::Device& device_;
    const MatmulPlan& plan_;
    const MatmulShape& s_;
    const Weights& weights_;
    Operand x_, y_, scratch_;
};

}  // namespace

Result<void> record_matmul(host::Stream& stream, host::Device& device, const MatmulPlan& plan,
                           const Weights& weights, Operand x, Operand y, Operand scratch) {
    Recorder recorder(stream, device, plan, weights, x, y, scratch);
    TUFF_CHECK(recorder.check());
    return plan.algorithm == MatmulAlgorithm::matmul_lanes ? recorder.lanes() : recorder.wide();
}

}  // namespace tuff
