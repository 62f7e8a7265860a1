// Rows of one type to rows of another, as they stand in a file: dequantizing, quantizing and converting on
// the device.
//
//   f32, f16, bf16 -> f32, f16, bf16, q8_0, q8_1, q5_1, q5_0, q4_1, q4_0, iq4_nl
//   every format   -> f32, f16, bf16
//
// Decoding is exact. Quantizing gives the reference's bytes (the rules of Encoder, without importance; for
// iq4_nl its search), but for blocks whose largest magnitude is not 0 and below 2^-100: their scale is stored
// as zero either way, and their codes may differ.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <span>
#include <string>

#include "backend/format.hpp"
#include "backend/operand.hpp"

namespace tuff {

struct CopyShape {
    std::uint64_t rows = 0;
    std::uint64_t elements = 0;     // of a row, whole blocks of either type
    std::uint64_t from_stride = 0;  // bytes between rows; 0: dense
    std::uint64_t to_stride = 0;
};

struct CopyPlan {
    std::string kernel;  // "quantize", "get_rows_blocks.q4_k"
    const TypeInfo* from = nullptr;
    const TypeInfo* to = nullptr;
    CopyShape shape;                                     // every stride filled in
    std::uint32_t from_alignment = 1, to_alignment = 1;  // bytes; of the start and of the strides
    std::uint64_t rows_per_launch = 0;
    std::uint32_t units_per_row = 0;  // invocations
    std::uint32_t local_size = 0;
    std::uint32_t max_groups_x = 0;

    // Bytes from the first to past the last one used.
    [[nodiscard]] std::uint64_t from_bytes() const;
    [[nodiscard]] std::uint64_t to_bytes() const;
    [[nodiscard]] std::string describe() const;
};

// Types a device quantizes to; whatever it converts to beside them is plain.
[[nodiscard]] std::span<const TypeInfo* const> quantize_targets();

// `usage`: an impossible shape or stride, with the limit. `unsupported`: a pair of types that is not listed
// above.
Result<CopyPlan> plan_copy(const host::DeviceSnapshot& device, const TypeInfo& from, const TypeInfo& to,
                           const CopyShape& shape);

// Appends the plan to `stream`. The operands must not overlap. What lies between rows of `to` is not touched.
// `usage`: a buffer too small or misaligned.
Result<void> record_copy(host::Stream& stream, host::Device& device, const CopyPlan& plan, Operand from,
                         Operand to);

}  // namespace tuff
