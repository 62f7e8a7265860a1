#include "backend/get_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "backend/codebook_address.hpp"
#include "backend/formats/plain.hpp"
#include "backend/get_rows_arguments.hpp"

namespace tuff {
namespace {

using host::Access;

std::string_view algorithm_of(Layout layout) {
    switch (layout) {
        case Layout::blocks:
            return "get_rows_blocks";
        case Layout::planes:
            return "get_rows_wide";
        case Layout::lanes:
            break;
    }
    return "get_rows_lanes";
}

}  // namespace

std::uint64_t GetRowsPlan::ids_bytes() const {
    return shape.ids == 0 ? 0 : ((shape.ids - 1) * shape.ids_stride + 1) * sizeof(std::int32_t);
}

std::uint64_t GetRowsPlan::y_bytes() const {
    return (shape.count() - 1) * shape.y_stride + shape.elements * element_bytes;
}

std::string GetRowsPlan::describe() const {
    return fmt::format("{} to {}", kernel, find_type(target)->name);
}

Result<GetRowsPlan> plan_get_rows(const host::DeviceSnapshot& device, const Format& format, Layout layout,
                                  const TypeInfo& target, const GetRowsShape& shape) {
    TUFF_CHECK(matrix_bytes(format, layout, {shape.rows, shape.elements, 1}));
    if (!is_plain(target))
        return fail(ErrorCode::unsupported, "rows become f32, f16 or bf16, not {}", target.name);
    if (shape.elements > kMaxRowElements)
        return fail(ErrorCode::usage, "rows of {} elements are beyond the limit of {}", shape.elements,
                    kMaxRowElements);
    if (shape.ids > kMaxRows)
        return fail(ErrorCode::usage, "{} ids are beyond the limit of {}", shape.ids, kMaxRows);
    GetRowsPlan plan;
    plan.kernel = fmt::format("{}.{}", algorithm_of(layout), format.name);
    plan.layout = layout;
    plan.shape = shape;
    plan.target = target.id;
    plan.element_bytes = target.block_bytes;
    GetRowsShape& s = plan.shape;
    const std::uint64_t row = s.elements * plan.element_bytes;
    if (s.y_stride == 0) s.y_stride = row;
    if (s.y_stride < row || s.y_stride > kMaxRowStride || s.y_stride % plan.element_bytes != 0)
        return fail(ErrorCode::usage, "rows of y {} bytes apart: a multiple of {} from {} to {} is possible",
                    s.y_stride, plan.element_bytes, row, kMaxRowStride);
    constexpr std::uint64_t kMaxIdsStride = kMaxRowStride / sizeof(std::int32_t);
    if (s.ids > 0 && (s.ids_stride == 0 || s.ids_stride > kMaxIdsStride))
        return fail(ErrorCode::usage, "ids {} apart: 1 to {} are possible", s.ids_stride, kMaxIdsStride);
    const std::uint64_t groups = ceil_div(s.elements, kGroupElements);
    const bool lanes = layout == Layout::lanes;
    plan.units_per_row = u32(lanes ? groups : groups * 4);  // see get_rows.comp
    plan.local_size = lanes ? kLaneRows : 64;
    plan.rows_per_launch = std::max<std::uint64_t>(1, kMostInvocations / plan.units_per_row);
    plan.max_groups_x = device.limits.max_workgroup_count[0];
    return plan;
}

Result<void> record_get_rows(host::Stream& stream, host::Device& device, const GetRowsPlan& plan,
                             const Weights& weights, Operand ids, Operand y) {
    const GetRowsShape& s = plan.shape;
    TUFF_CHECK(weights.check(format_of(plan.kernel), plan.layout, {s.rows, s.elements, 1}));
    TUFF_CHECK(check_operand("y", y, plan.y_bytes(), plan.element_bytes));
    if (s.ids > 0) TUFF_CHECK(check_operand("ids", ids, plan.ids_bytes(), sizeof(std::int32_t)));
    TUFF_TRY(pipeline, kernel_pipeline(device, plan.kernel, {{plan.target}}));
    TUFF_TRY(codebook, codebook_address(device, *weights.format));
    const std::uint64_t row_bytes = *matrix_bytes(*weights.format, Layout::blocks, {1, s.elements, 1});
    for (const Weights::Shard& shard : weights.shards) {
        const std::uint64_t begin = s.ids > 0 ? 0 : shard.range.first_row,
                            end = s.ids > 0 ? s.ids : begin + shard.range.rows;
        for (std::uint64_t first = begin; first < end; first += plan.rows_per_launch) {
            const std::uint64_t count = std::min(end - first, plan.rows_per_launch);
            const GetRowsArguments arguments{
                shard.buffer.address(),
                s.ids > 0 ? ids.address() + first * s.ids_stride * sizeof(std::int32_t) : 0,
                y.address() + first * s.y_stride,
                u32(shard.range.rows),
                u32(s.ids > 0 ? shard.range.first_row : first - begin),
                u32(s.rows - 1),
                u32(ceil_div(s.elements, kGroupElements)),
                u32(s.elements),
                u32(row_bytes),
                u32(row_bytes),
                u32(count),
                u32(s.ids_stride),
                u32(s.y_stride),
                codebook};
            std::vector<Access> accesses{
                Access::read(shard.buffer),
                Access::write(*y.buffer, y.offset + first * s.y_stride,
                              (count - 1) * s.y_stride + s.elements * plan.element_bytes)};
            if (s.ids > 0) accesses.push_back(Access::read(*ids.buffer, ids.offset, plan.ids_bytes()));
            TUFF_CHECK(dispatch(stream, *pipeline, arguments,
                                groups_for(count * plan.units_per_row, plan.local_size, plan.max_groups_x),
                                accesses));
        }
    }
    return {};
}

Result<void> check_ids(std::span<const std::int32_t> ids, std::uint64_t rows) {
    for (std::size_t i = 0; i < ids.size(); i++)
        if (ids[i] < 0 || static_cast<std::uint64_t>(ids[i]) >= rows)
            return fail(ErrorCode::usage, "id {} at place {} is not one of {} rows", ids[i], i, rows);
    return {};
}

}  // namespace tuff
