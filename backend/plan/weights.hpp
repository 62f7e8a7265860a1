// What a model's weights take: in a file, and arranged in a device's memory.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/layout.hpp"
#include "backend/model/model.hpp"
#include "backend/type_totals.hpp"
#include "host/snapshot.hpp"

namespace tuff {

// Of one tensor. On the device its matrices are arranged for the kernels; vectors, and types without kernels,
// are as in the file.
struct TensorBytes {
    const TypeInfo* type = nullptr;
    std::uint64_t file_bytes = 0;
    std::uint64_t arranged_bytes = 0;  // the sum of its buffers' sizes
    std::uint64_t device_bytes = 0;    // with what the host layer adds to every buffer
    std::uint64_t part_bytes = 0;      // arranged, of one of the matrices that a stack has dims[2] of
};

struct WeightsPlan {
    std::vector<TensorBytes> tensors;  // as Model::tensors
    std::vector<TypeTotal> types;      // in the file, by falling bytes
    std::uint64_t file_bytes = 0, arranged_bytes = 0, device_bytes = 0;
    std::vector<std::string> without_kernels;  // types that the device would have to be given as they are
};

// `types`: one for each tensor. `usage`: a type whose block does not divide a tensor's rows, or a tensor that
// Weights::upload would refuse; out_of_device_memory: rows that no buffer of the device holds.
[[nodiscard]] Result<WeightsPlan> plan_weights(const Model& model, std::span<const TypeInfo* const> types,
                                               Layout layout, const host::DeviceSnapshot& device);

}  // namespace tuff
