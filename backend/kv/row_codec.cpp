#include "backend/kv/row_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "backend/half.hpp"
#include "backend/quantize/scale.hpp"

namespace tuff {
namespace {

// A row between its values and its planes.
struct Coded {
    std::array<std::uint8_t, kMaxHeadDim> codes{};
    std::array<std::uint16_t, kMaxHeadDim / kCacheGroup> scales{}, offsets{};  // f16
};

// Writes or reads a plane: field j of byte i of a group of 32 values is value i + j * (bytes of the group).
template <class Visit>
void each_field(const RowPlane& plane, Visit visit) {
    const std::uint32_t group_bytes = kCacheGroup * plane.width / 8;
    for (std::uint32_t byte = 0; byte < plane.bytes; byte++)
        for (std::uint32_t field = 0; field < 8 / plane.width; field++)
            visit(byte, field * plane.width,
                  byte / group_bytes * kCacheGroup + byte % group_bytes + field * group_bytes);
}

void store_planes(const CacheFormat& format, std::uint32_t head_dim, const Coded& coded, std::byte* row) {
    std::fill_n(row, format.row_bytes(head_dim), std::byte{0});
    for (const RowPlane& plane : format.planes(head_dim)) {
        if (plane.kind == PlaneKind::scales || plane.kind == PlaneKind::offsets) {
            const auto& halves = plane.kind == PlaneKind::scales ? coded.scales : coded.offsets;
            std::memcpy(row, halves.data(), plane.bytes);
        } else {
            const std::uint32_t mask = (1U << plane.width) - 1;
            each_field(plane, [&](std::uint32_t byte, std::uint32_t at, std::uint32_t value) {
                const std::uint32_t piece = (std::uint32_t{coded.codes[value]} >> plane.shift) & mask;
                row[byte] |= static_cast<std::byte>(piece << at);
            });
        }
        row += plane.bytes;
    }
}

Coded load_planes(const CacheFormat& format, std::uint32_t head_dim, const std::byte* row) {
    Coded coded;
    for (const RowPlane& plane : format.planes(head_dim)) {
        if (plane.kind == PlaneKind::scales || plane.kind == PlaneKind::offsets) {
            auto& halves = plane.kind == PlaneKind::scales ? coded.scales : coded.offsets;
            std::memcpy(halves.data(), row, plane.bytes);
        } else {
            const std::uint32_t mask = (1U << plane.width) - 1;
            each_field(plane, [&](std::uint32_t byte, std::uint32_t at, std::uint32_t value) {
                const std::uint32_t piece = (std::to_integer<std::uint32_t>(row[byte]) >> at) & mask;
                coded.codes[value] |= static_cast<std::uint8_t>(piece << plane.shift);
            });
        }
        row += plane.bytes;
    }
    return coded;
}

// The sum of term(i) for all i below n, over a tree: what is 2^k apart is added, from the largest k down.
template <class Term>
float tree_sum(std::size_t n, Term term) {
    std::array<float, kMaxHeadDim> sums;
    std::size_t stride = std::bit_ceil(n);
    for (std::size_t i = 0; i < stride; i++) sums[i] = i < n ? term(i) : 0.0F;
    while (stride > 1) {
        stride /= 2;
        for (std::size_t i = 0; i < stride; i++) sums[i] += sums[i + stride];
    }
    return sums[0];
}

// x rounded towards zero, as a code from 0 to most; NaN becomes 0.
std::uint8_t clamp_code(float x, float most) {
    return static_cast<std::uint8_t>(std::fmin(std::fmax(x, 0.0F), most));
}

// A scale or an offset as it is stored.
std::uint16_t stored(float x) {
    return float_to_half(clamp_to_half(x));
}

float inverse(float scale) {
    return scale != 0 ? 1 / scale : 0;
}

// The value of the largest magnitude, the first of those.
float peak(std::span<const float> x) {
    float largest = 0;
    for (const float value : x)
        if (std::fabs(value) > std::fabs(largest)) largest = value;
    return largest;
}

// One group of values: its codes, its scale and its offset.
struct Group {
    std::uint8_t* codes;
    std::uint16_t* scale;
    std::uint16_t* offset;
};

// Signed bytes: the largest magnitude becomes 127. GGUF's formats choose the codes for the unrounded scale,
// ours for the one that is stored.
void encode_bytes(std::span<const float> x, bool own, Group out) {
    const float wanted = std::fabs(peak(x)) / 127;
    *out.scale = stored(wanted);
    const float factor = inverse(own ? half_to_float(*out.scale) : wanted);
    for (std::size_t i = 0; i < x.size(); i++) {
        const float code = std::fmin(std::fmax(x[i] * factor, -127.0F), 127.0F);
        // Halves away from zero.
        const float rounded = std::floor(std::fabs(code) + 0.5F);
        out.codes[i] = static_cast<std::uint8_t>(static_cast<int>(code < 0 ? -rounded : rounded));
    }
}

// q4_0, q5_0: the largest magnitude becomes code 0, whatever its sign.
void encode_centred(std::span<const float> x, std::uint32_t zero, Group out) {
    const float half = static_cast<float>(zero), scale = peak(x) / -half, factor = inverse(scale);
    *out.scale = stored(scale);
    for (std::size_t i = 0; i < x.size(); i++)
        out.codes[i] = clamp_code(x[i] * factor + (half + 0.5F), 2 * half - 1);
}

// q4_1, q5_1: from the smallest to the largest value.
void encode_range(std::span<const float> x, std::uint32_t bits, Group out) {
    const auto [low, high] = std::ranges::minmax(x);
    const float most = static_cast<float>((1U << bits) - 1), scale = (high - low) / most,
                factor = inverse(scale);
    *out.scale = stored(scale);
    *out.offset = stored(low);
    for (std::size_t i = 0; i < x.size(); i++) out.codes[i] = clamp_code((x[i] - low) * factor + 0.5F, most);
}

// kv6 .. kv2: the part of the range, about its middle, whose codes leave the smallest squared error.
void encode_clipped(std::span<const float> x, std::uint32_t bits, Group out) {
    const auto [low, high] = std::ranges::minmax(x);
    const float most = static_cast<float>((1U << bits) - 1);
    const float middle = 0.5F * low + 0.5F * high, radius = 0.5F * high - 0.5F * low;
    float best = std::numeric_limits<float>::infinity();
    float scale = 0, offset = 0, factor = 0;
    const auto code = [&](float value) { return clamp_code((value - offset) * factor + 0.5F, most); };
    for (const float clip : affine_clips(bits)) {
        const float reach = radius * clip;
        const std::uint16_t trial_scale = stored(2 * reach / most), trial_offset = stored(middle - reach);
        scale = half_to_float(trial_scale);
        offset = half_to_float(trial_offset);
        factor = inverse(scale);
        const float error = tree_sum(x.size(), [&](std::size_t i) {
            const float off = x[i] - (scale * static_cast<float>(code(x[i])) + offset);
            return off * off;
        });
        if (!(error < best)) continue;
        best = error;
        *out.scale = trial_scale;
        *out.offset = trial_offset;
    }
    scale = half_to_float(*out.scale);
    offset = half_to_float(*out.offset);
    factor = inverse(scale);
    for (std::size_t i = 0; i < x.size(); i++) out.codes[i] = code(x[i]);
}

// The level nearest to x: how many midpoints lie at or below it.
std::uint8_t nearest(std::span<const float> levels, float x) {
    std::uint8_t code = 0;
    for (std::size_t i = 1; i < levels.size(); i++)
        code = static_cast<std::uint8_t>(code + (x >= (levels[i - 1] + levels[i]) / 2 ? 1 : 0));
    return code;
}

// iq4_nl as a cache writes it: one least-squares fit of the scale, weighted by the square, to the codes that
// the largest magnitude's scale gives; then the codes of that scale. Sums are in units of the first scale, so
// that they neither overflow nor vanish.
void encode_nonlinear(std::span<const float> x, std::span<const float> levels, Group out) {
    const float start = peak(x) / levels.front(), factor = inverse(start);
    const auto level = [&](float unit) { return levels[nearest(levels, unit)]; };
    const float along = tree_sum(x.size(), [&](std::size_t i) {
        const float unit = x[i] * factor, weighted = unit * unit * level(unit);
        return weighted * unit;
    });
    const float square = tree_sum(x.size(), [&](std::size_t i) {
        const float unit = x[i] * factor, weighted = unit * unit * level(unit);
        return weighted * level(unit);
    });
    const float scale = square > 0 ? start * (along / square) : 0, refined = inverse(scale);
    *out.scale = stored(scale);
    for (std::size_t i = 0; i < x.size(); i++) out.codes[i] = nearest(levels, x[i] * refined);
}

// turbo: the codes of the row's direction, and the length that makes the decoded row as long as the row.
void encode_sphere(std::span<const float> x, std::span<const float> levels, Group out) {
    const float norm = std::sqrt(tree_sum(x.size(), [&](std::size_t i) { return x[i] * x[i]; }));
    const float factor = inverse(norm) * std::sqrt(static_cast<float>(x.size()));
    for (std::size_t i = 0; i < x.size(); i++) out.codes[i] = nearest(levels, x[i] * factor);
    const float coded = std::sqrt(tree_sum(x.size(), [&](std::size_t i) {
        const float level = levels[out.codes[i]];
        return level * level;
    }));
    *out.scale = stored(norm / coded);
}

void encode_group(const CacheFormat& format, std::uint32_t head_dim, std::span<const float> x, Group out) {
    switch (format.coding) {
        case CacheCoding::scaled:
            return format.zero == 0 ? encode_bytes(x, format.group == 0, out)
                                    : encode_centred(x, format.zero, out);
        case CacheCoding::affine:
            return format.group == 0 ? encode_clipped(x, format.bits, out)
                                     : encode_range(x, format.bits, out);
        default:
            return format.spherical() ? encode_sphere(x, format.levels(head_dim), out)
                                      : encode_nonlinear(x, format.levels(head_dim), out);
    }
}

}  // namespace

std::span<const float> affine_clips(std::uint32_t bits) {
    static constexpr float kClips[][8] = {{0.5F, 0.55F, 0.6F, 0.65F, 0.7F, 0.75F, 0.85F, 1},
                                          {0.65F, 0.7F, 0.75F, 0.8F, 0.85F, 0.9F, 0.95F, 1},
                                          {0.75F, 0.8F, 0.84F, 0.88F, 0.91F, 0.94F, 0.97F, 1},
                                          {0.86F, 0.88F, 0.9F, 0.92F, 0.94F, 0.96F, 0.98F, 1}};
    return kClips[std::min(bits, 5U) - 2];
}

void encode_row(const CacheFormat& format, std::span<const float> values, std::span<std::byte> row) {
    const auto head_dim = static_cast<std::uint32_t>(values.size());
    switch (format.coding) {
        case CacheCoding::f32:
            std::memcpy(row.data(), values.data(), values.size_bytes());
            return;
        case CacheCoding::f16:
            for (std::size_t i = 0; i < values.size(); i++) store_half(&row[i * 2], values[i]);
            return;
        case CacheCoding::bf16:
            for (std::size_t i = 0; i < values.size(); i++) store(&row[i * 2], float_to_bfloat16(values[i]));
            return;
        default:
            break;
    }
    Coded coded;
    const std::uint32_t group = format.group == 0 ? head_dim : format.group;
    for (std::uint32_t g = 0; g < format.groups(head_dim); g++)
        encode_group(format, head_dim, values.subspan(std::size_t{g} * group, group),
                     {&coded.codes[std::size_t{g} * group], &coded.scales[g], &coded.offsets[g]});
    store_planes(format, head_dim, coded, row.data());
}

void decode_row(const CacheFormat& format, std::span<const std::byte> row, std::span<float> values) {
    const auto head_dim = static_cast<std::uint32_t>(values.size());
    switch (format.coding) {
        case CacheCoding::f32:
            std::memcpy(values.data(), row.data(), values.size_bytes());
            return;
        case CacheCoding::f16:
            for (std::size_t i = 0; i < values.size(); i++) values[i] = load_half(&row[i * 2]);
            return;
        case CacheCoding::bf16:
            for (std::size_t i = 0; i < values.size(); i++)
                values[i] = bfloat16_to_float(load<std::uint16_t>(&row[i * 2]));
            return;
        default:
            break;
    }
    const Coded coded = load_planes(format, head_dim, row.data());
    const std::span<const float> levels = format.levels(head_dim);
    for (std::size_t i = 0; i < values.size(); i++) {
        const std::size_t group = format.group == 0 ? 0 : i / format.group;
        const float scale = half_to_float(coded.scales[group]);
        const std::uint8_t code = coded.codes[i];
        if (format.coding == CacheCoding::levels)
            values[i] = scale * levels[code];
        else if (format.coding == CacheCoding::affine)
            values[i] = scale * static_cast<float>(code) + half_to_float(coded.offsets[group]);
        else
            values[i] = scale * static_cast<float>(format.zero == 0 ? static_cast<std::int8_t>(code)
                                                                    : code - static_cast<int>(format.zero));
    }
}

}  // namespace tuff
