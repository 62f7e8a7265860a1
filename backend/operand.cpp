#include "backend/operand.hpp"

namespace tuff {

Result<void> check_operand(std::string_view what, Operand operand, std::uint64_t bytes,
                           std::uint64_t alignment) {
    if (!operand.buffer || operand.offset > operand.buffer->size() ||
        bytes > operand.buffer->size() - operand.offset)
        return fail(ErrorCode::usage, "{} needs {} bytes from offset {}; its buffer has {}", what, bytes,
                    operand.offset, operand.buffer ? operand.buffer->size() : 0);
    if (operand.address() % alignment != 0)
        return fail(ErrorCode::usage, "{} starts at byte {}, not a multiple of {}", what, operand.offset,
                    alignment);
    return {};
}

Result<const host::Pipeline*> kernel_pipeline(host::Device& device, std::string_view name,
                                              std::span<const std::uint32_t> specialization) {
    const shaders::Kernel* kernel = shaders::find_kernel(name);
    if (!kernel) return fail(ErrorCode::internal, "the kernel table has no row {}", name);
    return device.pipeline(*kernel, specialization);
}

}  // namespace tuff
