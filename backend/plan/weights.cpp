#include "backend/plan/weights.hpp"

#include <algorithm>

#include "backend/format.hpp"
#include "backend/printable.hpp"
#include "backend/weights.hpp"
#include "host/bytes.hpp"
#include "host/memory.hpp"

namespace tuff {
namespace {

using host::plus_saturating;

Result<std::uint64_t> bytes_in_file(const ModelTensor& tensor, const TypeInfo& type) {
    const auto row = row_bytes(type, tensor.dims[0]);
    std::uint64_t bytes = 0;
    if (!row || __builtin_mul_overflow(*row, tensor.rows(), &bytes))
        return fail(ErrorCode::usage, "{} cannot be {}: {}", printable(tensor.name), type.name,
                    row ? "more than 2^64 bytes" : row.error().message);
    return bytes;
}

Result<TensorBytes> plan_tensor(const ModelTensor& tensor, const TypeInfo& type, Layout layout,
                                const host::DeviceSnapshot& device) {
    TensorBytes planned;
    planned.type = &type;
    TUFF_TRY(file_bytes, bytes_in_file(tensor, type));
    planned.file_bytes = planned.arranged_bytes = file_bytes;
    planned.device_bytes = host::allocated_bytes(file_bytes);
    const Format* format = find_format(type.id);
    if (tensor.n_dims < 2 || tensor.elements() == 0 || format == nullptr) return planned;
    const MatrixShape shape{tensor.dims[1], tensor.dims[0], tensor.dims[2] * tensor.dims[3]};
    TUFF_TRY(shards, shard(*format, layout, shape, host::largest_buffer_bytes(device)));
    planned.part_bytes = *matrix_bytes(*format, layout, shape) * tensor.dims[3];
    planned.arranged_bytes = planned.device_bytes = 0;
    for (const ShardRange& range : shards) {
        const std::uint64_t bytes = shard_bytes(*format, layout, shape, range);
        planned.arranged_bytes += bytes;
        planned.device_bytes += host::allocated_bytes(bytes);
    }
    return planned;
}

}  // namespace

Result<WeightsPlan> plan_weights(const Model& model, std::span<const TypeInfo* const> types, Layout layout,
                                 const host::DeviceSnapshot& device) {
    WeightsPlan plan;
    std::vector<TypeTotal> by_type;
    for (std::size_t i = 0; i < model.tensors.size(); i++) {
        const ModelTensor& tensor = model.tensors[i];
        TUFF_TRY(planned, plan_tensor(tensor, *types[i], layout, device));
        plan.file_bytes = plus_saturating(plan.file_bytes, planned.file_bytes);
        plan.arranged_bytes = plus_saturating(plan.arranged_bytes, planned.arranged_bytes);
        plan.device_bytes = plus_saturating(plan.device_bytes, planned.device_bytes);
        by_type.push_back({planned.type, 1, tensor.elements(), planned.file_bytes});
        const std::string name(planned.type->name);
        if (tensor.n_dims >= 2 && !find_format(planned.type->id) &&
            std::ranges::find(plan.without_kernels, name) == plan.without_kernels.end())
            plan.without_kernels.push_back(name);
        plan.tensors.push_back(planned);
    }
    plan.types = sum_by_type(by_type);
    return plan;
}

}  // namespace tuff
