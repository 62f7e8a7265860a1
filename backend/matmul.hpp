// Products of weights and activations on a device: recording a plan into a stream.
#pragma once

#include <tuff/result.hpp>

#include "backend/matmul_plan.hpp"
#include "backend/operand.hpp"
#include "backend/weights.hpp"

namespace tuff {

// Appends the kernels of `plan` to `stream`. x and y hold plan.shape.x_floats() and y_floats() floats of f32,
// scratch plan.scratch_bytes bytes (it may be empty where that is 0); x must be aligned as the shape says, y
// to 4 bytes, scratch to 256. y and scratch are written; barriers come from the stream. `usage`: a buffer too
// small or misaligned, or weights of another shape, format or layout than the plan's.
Result<void> record_matmul(host::Stream& stream, host::Device& device, const MatmulPlan& plan,
                           const Weights& weights, Operand x, Operand y, Operand scratch);

}  // namespace tuff
