#include "backend/copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "backend/codebook_address.hpp"
#include "backend/formats/plain.hpp"
#include "backend/get_rows_arguments.hpp"

namespace tuff {
namespace {

using host::Access;

struct QuantizeArguments {
    Address x, y;
    std::uint32_t rows, elements, x_stride, y_stride;
};

// Where the fields of a type may begin: plain elements at multiples of their size. A block starts with a half
// where it is quantized to, and is read at any byte.
std::uint32_t alignment_of(const TypeInfo& type, bool written) {
    return is_plain(type) ? type.block_bytes : written ? 2 : 1;
}

// Fills in a dense stride, or checks the one given.
Result<void> settle_stride(const TypeInfo& type, std::uint64_t elements, std::uint32_t alignment,
                           std::string_view what, std::uint64_t& stride) {
    TUFF_TRY(row, row_bytes(type, elements));
    if (stride == 0) stride = row;
    if (stride < row || stride > kMaxRowStride || stride % alignment != 0)
        return fail(ErrorCode::usage, "{} rows {} bytes apart: a multiple of {} from {} to {} is possible",
                    what, stride, alignment, row, kMaxRowStride);
    return {};
}

}  // namespace

std::span<const TypeInfo* const> quantize_targets() {
    static const std::array<const TypeInfo*, 7> all{find_type("q8_0"),  find_type("q8_1"), find_type("q5_1"),
                                                    find_type("q5_0"),  find_type("q4_1"), find_type("q4_0"),
                                                    find_type("iq4_nl")};
    return all;
}

std::uint64_t CopyPlan::from_bytes() const {
    return (shape.rows - 1) * shape.from_stride + *row_bytes(*from, shape.elements);
}

std::uint64_t CopyPlan::to_bytes() const {
    return (shape.rows - 1) * shape.to_stride + *row_bytes(*to, shape.elements);
}

std::string CopyPlan::describe() const {
    return fmt::format("{} {} to {}", kernel, from->name, to->name);
}

Result<CopyPlan> plan_copy(const host::DeviceSnapshot& device, const TypeInfo& from, const TypeInfo& to,
                           const CopyShape& shape) {
    const bool quantizes = std::ranges::find(quantize_targets(), &to) != quantize_targets().end();
    const bool possible = quantizes ? is_plain(from) : is_plain(to) && find_format(from.id) != nullptr;
    if (!possible)
        return fail(ErrorCode::unsupported,
                    "no kernel converts {} to {}: one of them must be f32, f16 or bf16", from.name, to.name);
    if (shape.rows == 0 || shape.elements == 0)
        return fail(ErrorCode::usage, "{} rows of {} elements: nothing to convert", shape.rows,
                    shape.elements);
    if (shape.elements > kMaxRowElements)
        return fail(ErrorCode::usage, "rows of {} elements are beyond the limit of {}", shape.elements,
                    kMaxRowElements);
    if (shape.rows > kMaxRows)
        return fail(ErrorCode::usage, "{} rows are beyond the limit of {}", shape.rows, kMaxRows);
    for (const TypeInfo* type : {&from, &to})
        if (shape.elements % type->block_elements != 0)
            return fail(ErrorCode::usage, "rows of {} elements are not whole blocks of {}, which have {}",
                        shape.elements, type->name, type->block_elements);
    CopyPlan plan;
    plan.from = &from;
    plan.to = &to;
    plan.shape = shape;
    plan.from_alignment = alignment_of(from, false);
    plan.to_alignment = alignment_of(to, true);
    TUFF_CHECK(settle_stride(from, shape.elements, plan.from_alignment, "source", plan.shape.from_stride));
    TUFF_CHECK(settle_stride(to, shape.elements, plan.to_alignment, "destination", plan.shape.to_stride));
    plan.kernel = quantizes ? "quantize" : fmt::format("get_rows_blocks.{}", from.name);
    const std::uint64_t groups = ceil_div(shape.elements, kGroupElements);
    plan.units_per_row = u32(quantizes ? groups : groups * 4);
    plan.local_size = quantizes ? 32 : 64;
    plan.rows_per_launch = std::max<std::uint64_t>(1, kMostInvocations / plan.units_per_row);
    plan.max_groups_x = device.limits.max_workgroup_count[0];
    return plan;
}

Result<void> record_copy(host::Stream& stream, host::Device& device, const CopyPlan& plan, Operand from,
                         Operand to) {
    const CopyShape& s = plan.shape;
    TUFF_CHECK(check_operand("the source", from, plan.from_bytes(), plan.from_alignment));
    TUFF_CHECK(check_operand("the destination", to, plan.to_bytes(), plan.to_alignment));
    const bool quantizes = plan.kernel == "quantize";
    const std::vector<std::uint32_t> specialization =
        quantizes ? std::vector{plan.from->id, plan.to->id} : std::vector{plan.to->id};
    TUFF_TRY(pipeline, kernel_pipeline(device, plan.kernel, specialization));
    const std::uint64_t from_row = *row_bytes(*plan.from, s.elements),
                        to_row = *row_bytes(*plan.to, s.elements);
    for (std::uint64_t first = 0; first < s.rows; first += plan.rows_per_launch) {
        const std::uint64_t rows = std::min(s.rows - first, plan.rows_per_launch);
        const std::uint64_t x = from.address() + first * s.from_stride,
                            y = to.address() + first * s.to_stride;
        const Access accesses[] = {
            Access::read(*from.buffer, from.offset + first * s.from_stride,
                         (rows - 1) * s.from_stride + from_row),
            Access::write(*to.buffer, to.offset + first * s.to_stride, (rows - 1) * s.to_stride + to_row)};
        const host::Groups groups = groups_for(rows * plan.units_per_row, plan.local_size, plan.max_groups_x);
        if (quantizes) {
            const QuantizeArguments arguments{
                x, y, u32(rows), u32(s.elements), u32(s.from_stride), u32(s.to_stride)};
            TUFF_CHECK(dispatch(stream, *pipeline, arguments, groups, accesses));
        } else {
            TUFF_TRY(codebook, codebook_address(device, *find_format(plan.from->id)));
            const GetRowsArguments arguments{x,
                                             0,
                                             y,
                                             u32(rows),
                                             0,
                                             u32(rows - 1),
                                             plan.units_per_row / 4,
                                             u32(s.elements),
                                             u32(s.from_stride),
                                             u32(from_row),
                                             u32(rows),
                                             1,
                                             u32(s.to_stride),
                                             codebook};
            TUFF_CHECK(dispatch(stream, *pipeline, arguments, groups, accesses));
        }
    }
    return {};
}

}  // namespace tuff
