#include "backend/types.hpp"

#include <algorithm>
#include <array>

namespace tuff {
namespace {

constexpr auto k_types = std::to_array<TypeInfo>({
    {0, "f32", 1, 4},         {1, "f16", 1, 2},         {2, "q4_0", 32, 18},      {3, "q4_1", 32, 20},
    {6, "q5_0", 32, 22},      {7, "q5_1", 32, 24},      {8, "q8_0", 32, 34},      {9, "q8_1", 32, 36},
    {10, "q2_k", 256, 84},    {11, "q3_k", 256, 110},   {12, "q4_k", 256, 144},   {13, "q5_k", 256, 176},
    {14, "q6_k", 256, 210},   {15, "q8_k", 256, 292},   {16, "iq2_xxs", 256, 66}, {17, "iq2_xs", 256, 74},
    {18, "iq3_xxs", 256, 98}, {19, "iq1_s", 256, 50},   {20, "iq4_nl", 32, 18},   {21, "iq3_s", 256, 110},
    {22, "iq2_s", 256, 82},   {23, "iq4_xs", 256, 136}, {24, "i8", 1, 1},         {25, "i16", 1, 2},
    {26, "i32", 1, 4},        {27, "i64", 1, 8},        {28, "f64", 1, 8},        {29, "iq1_m", 256, 56},
    {30, "bf16", 1, 2},       {34, "tq1_0", 256, 54},   {35, "tq2_0", 256, 66},   {39, "mxfp4", 32, 17},
    {40, "nvfp4", 64, 36},    {41, "q1_0", 128, 18},    {42, "q2_0", 64, 18},
});
static_assert(std::ranges::is_sorted(k_types, std::ranges::less{}, &TypeInfo::id));

// Ids that older files may carry and that must not be given a new meaning. The first two predate GGUF; the
// others were q4_0 and iq4_nl with rows interleaved for one kind of processor.
struct WithdrawnType {
    std::uint32_t id;
    std::string_view name;
};
constexpr auto k_withdrawn = std::to_array<WithdrawnType>({
    {4, "q4_2"},
    {5, "q4_3"},
    {31, "q4_0_4_4"},
    {32, "q4_0_4_8"},
    {33, "q4_0_8_8"},
    {36, "iq4_nl_4_4"},
    {37, "iq4_nl_4_8"},
    {38, "iq4_nl_8_8"},
});

}  // namespace

std::span<const TypeInfo> all_types() noexcept {
    return k_types;
}

const TypeInfo* find_type(std::uint32_t id) noexcept {
    const auto found = std::ranges::lower_bound(k_types, id, std::ranges::less{}, &TypeInfo::id);
    return found != k_types.end() && found->id == id ? &*found : nullptr;
}

const TypeInfo* find_type(std::string_view name) noexcept {
    const auto found = std::ranges::find(k_types, name, &TypeInfo::name);
    return found != k_types.end() ? &*found : nullptr;
}

Result<const TypeInfo*> require_type(std::uint32_t id) {
    if (const TypeInfo* type = find_type(id)) return type;
    const auto withdrawn = std::ranges::find(k_withdrawn, id, &WithdrawnType::id);
    if (withdrawn != k_withdrawn.end()) {
        return fail(ErrorCode::unsupported,
                    "tensor type {} ({}) was withdrawn from GGUF; convert the model again", id,
                    withdrawn->name);
    }
    return fail(ErrorCode::unsupported, "tensor type {} is unknown; the known ones end at {} ({})", id,
                k_types.back().id, k_types.back().name);
}

Result<std::uint64_t> row_bytes(const TypeInfo& type, std::uint64_t elements) {
    if (elements % type.block_elements != 0) {
        return fail(ErrorCode::malformed, "{} elements are no multiple of {}, the block of {}", elements,
                    type.block_elements, type.name);
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(elements / type.block_elements, std::uint64_t{type.block_bytes}, &bytes)) {
        return fail(ErrorCode::malformed, "{} elements of {} need more than 2^64 bytes", elements, type.name);
    }
    return bytes;
}

}  // namespace tuff
