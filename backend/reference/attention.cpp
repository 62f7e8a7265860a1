#include "backend/reference/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/half.hpp"
#include "backend/kv/row_codec.hpp"

namespace tuff::reference {
namespace {

constexpr double kUnit = 0x1p-24, kLn2 = 0.6931471805599453, kLog2E = 1.4426950408889634;

double gamma(std::uint64_t n) {
    const double nu = static_cast<double>(n) * kUnit;
    return nu / (1 - nu);
}

// A cell's logit, and how far a kernel's may be off.
struct Logit {
    double value = 0, error = 0;
};

Logit logit_of(const AttentionRow& row, std::size_t cell, const AttentionRoundings& roundings) {
    const std::size_t head = row.q.size();
    const float* k = row.k->values.data() + cell * head;
    const float* magnitude = row.k->magnitudes.data() + cell * head;
    double dot = 0, size = 0;
    for (std::size_t i = 0; i < head; i++) {
        dot += double{row.q[i]} * k[i];
        size += std::fabs(double{row.q[i]}) * magnitude[i];
    }
    Logit logit{dot * row.scale, gamma(roundings.logit) * size * std::fabs(row.scale)};
    if (row.softcap > 0) {
        // tanh never enlarges an error; its own is a few units of the cap (Vulkan computes it from
        // exponentials).
        logit.value = row.softcap * std::tanh(logit.value / row.softcap);
        logit.error += 16 * kUnit * row.softcap;
    }
    if (!row.bias.empty()) {
        logit.value += row.bias[cell];
        logit.error += 4 * kUnit * std::fabs(double{row.bias[cell]});
    }
    logit.error += 4 * kUnit * std::fabs(logit.value);
    return logit;
}

}  // namespace

void CacheRows::append(const CacheFormat& format, std::span<const std::byte> row) {
    const std::size_t begin = values.size();
    values.resize(begin + head);
    magnitudes.resize(begin + head);
    decode_row(format, row, std::span(values).subspan(begin));
    const std::byte *scales = nullptr, *offsets = nullptr, *at = row.data();
    for (const RowPlane& plane : format.planes(head)) {
        if (plane.kind == PlaneKind::scales) scales = at;
        if (plane.kind == PlaneKind::offsets) offsets = at;
        at += plane.bytes;
    }
    for (std::size_t i = 0; i < head; i++) {
        // |scale * code| is at most |value| + |offset|.
        const std::size_t g = format.group == 0 ? 0 : i / format.group;
        const float offset = offsets       ? load_half(offsets + 2 * g)
                             : format.zero ? load_half(scales + 2 * g) * static_cast<float>(format.zero)
                                           : 0;
        magnitudes[begin + i] = std::fabs(values[begin + i]) + 2 * std::fabs(offset);
    }
}

std::vector<AttentionValue> attention_row(const AttentionRow& row, const AttentionRoundings& roundings) {
    const std::size_t head = row.v->head, cells = row.k->cells();
    constexpr double kHidden = -std::numeric_limits<double>::infinity();
    std::vector<Logit> logits(cells);
    double top = row.sink ? row.sink_logit : kHidden;
    for (std::size_t c = 0; c < cells; c++) {
        const bool hidden = !row.bias.empty() && std::isinf(row.bias[c]) && row.bias[c] < 0;
        logits[c] = hidden ? Logit{kHidden, 0} : logit_of(row, c, roundings);
        top = std::max(top, logits[c].value);
    }
    std::vector<AttentionValue> result(head);
    if (top == kHidden) return result;

    // Relative error of each weight: of the logit, of the difference and of exp2 (Vulkan allows 3 + 2|x|
    // units in the last place, of up to two u each), of rescaling it as the maximum rises, and of the sums it
    // goes through.
    const double sums = gamma(roundings.sum);
    double total = row.sink ? std::exp(row.sink_logit - top) : 0;
    std::vector<double> weights(cells), errors(cells);
    for (std::size_t c = 0; c < cells; c++) {
        if (logits[c].value == kHidden) continue;
        const double below = (top - logits[c].value) * kLog2E;
        weights[c] = std::exp(logits[c].value - top);
        errors[c] = std::expm1(logits[c].error + kLn2 * kUnit * below + (8 + 8 * below) * kUnit) + sums;
        total += weights[c];
    }
    double error_of_total = row.sink ? 16 * kUnit : 0;  // relative
    for (std::size_t c = 0; c < cells; c++) error_of_total += weights[c] / total * errors[c];
    for (std::size_t i = 0; i < head; i++) {
        AttentionValue& out = result[i];
        double error = 0;
        for (std::size_t c = 0; c < cells; c++) {
            const double share = weights[c] / total;
            out.value += share * row.v->values[c * head + i];
            error += share * errors[c] * row.v->magnitudes[c * head + i];
        }
        // What weights below the smallest normal number lose, flushed to zero or not.
        constexpr double kSmallest = std::numeric_limits<float>::min();
        out.bound =
            error + error_of_total * std::fabs(out.value) + 4 * kUnit * std::fabs(out.value) + 16 * kSmallest;
        for (std::size_t c = 0; c < cells; c++) out.bound += 4 * kSmallest * row.v->magnitudes[c * head + i];
    }
    return result;
}

double error_over_bound(float computed, const AttentionValue& exact) {
    if (!std::isfinite(computed)) return std::numeric_limits<double>::infinity();
    const double error = std::fabs(double{computed} - exact.value);
    return error == 0 ? 0 : error / exact.bound;
}

}  // namespace tuff::reference
