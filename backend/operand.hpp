// Operands of recorded ops, and the arguments kernels take.
#pragma once

#include <tuff/result.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "backend/arithmetic.hpp"
#include "host/device.hpp"
#include "host/memory.hpp"
#include "host/stream.hpp"

namespace tuff {

// A place in a buffer, in bytes.
struct Operand {
    const host::Buffer* buffer = nullptr;
    std::uint64_t offset = 0;

    // On the device; 0 without a buffer.
    [[nodiscard]] std::uint64_t address() const { return buffer ? buffer->address() + offset : 0; }
};

// `usage` where `bytes` bytes from the operand's place are not within its buffer, or its address is not a
// multiple of `alignment`; `what` names the operand.
[[nodiscard]] Result<void> check_operand(std::string_view what, Operand operand, std::uint64_t bytes,
                                         std::uint64_t alignment);

// A push-constant uvec2 (low, high) is a little-endian 64-bit number at a multiple of 4.
struct Address {
    std::uint32_t low, high;
    Address(std::uint64_t value = 0)  // NOLINT: addresses and byte counts convert freely here
        : low(static_cast<std::uint32_t>(value)), high(static_cast<std::uint32_t>(value >> 32)) {}
};

// The table's kernel of that name, compiled for the device. `internal`: there is none; else as
// host::Device::pipeline.
[[nodiscard]] Result<const host::Pipeline*> kernel_pipeline(host::Device& device, std::string_view name,
                                                            std::span<const std::uint32_t> specialization);

// The format in a kernel's name: "q4_k" of "get_rows_wide.q4_k".
[[nodiscard]] inline std::string_view format_of(std::string_view kernel) {
    return kernel.substr(kernel.find('.') + 1);
}

// Workgroups in x for so many invocations, as far as a launch can have them; kernels step over the rest.
[[nodiscard]] inline host::Groups groups_for(std::uint64_t invocations, std::uint32_t local_size,
                                             std::uint32_t most) {
    return {u32(std::min<std::uint64_t>(ceil_div(invocations, local_size), most))};
}

// One dispatch with `arguments`, a struct laid out as the kernel's push constants.
template <class Arguments>
Result<void> dispatch(host::Stream& stream, const host::Pipeline& pipeline, const Arguments& arguments,
                      host::Groups groups, std::span<const host::Access> accesses) {
    static_assert(sizeof(Arguments) <= host::kPushConstantBytes);
    return stream.dispatch(pipeline, std::as_bytes(std::span(&arguments, 1)), groups, accesses);
}

}  // namespace tuff
