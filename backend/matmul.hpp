// Products of weights and activations on a device: weights that live there, and recording a plan into a stream.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "backend/layout.hpp"
#include "backend/matmul_plan.hpp"
#include "host/device.hpp"
#include "host/stream.hpp"

namespace tuff {

// A stack of weight matrices in device memory. Move-only.
struct Weights {
    const Format* format = nullptr;
    Layout layout{};
    MatrixShape shape;
    host::Buffer buffer;

    // Arranges GGUF blocks (shape.batches * shape.rows rows, dense) on all CPU threads on their way to the device. `usage`: an
    // impossible shape, or fewer bytes than it needs; out_of_device_memory and device_lost as host::Device::allocate.
    static Result<Weights> upload(host::Device& device, const Format& format, Layout layout, const MatrixShape& shape,
                                  std::span<const std::byte> blocks, std::string_view label);

    // The GGUF blocks again, bit for bit; `blocks` holds exactly the stack.
    Result<void> download(host::Device& device, std::span<std::byte> blocks) const;
};

// A place in a buffer, in bytes.
struct Operand {
    const host::Buffer* buffer = nullptr;
    std::uint64_t offset = 0;
};

// Appends the kernels of `plan` to `stream`. x and y hold plan.shape.x_floats() and y_floats() floats of f32, scratch
// plan.scratch_bytes bytes (it may be empty where that is 0); x must be aligned as the shape says, y to 4 bytes, scratch to 256.
// y and scratch are written; barriers come from the stream. `usage`: a buffer too small or misaligned, or weights of another
// shape, format or layout than the plan's.
Result<void> record_matmul(host::Stream& stream, host::Device& device, const MatmulPlan& plan, const Weights& weights,
                           Operand x, Operand y, Operand scratch);

}  // namespace tuff
