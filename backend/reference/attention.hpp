// The CPU reference of attention for one row of queries: double precision, written to be read, not to be
// fast; and how far from it a correct float32 kernel may be (docs/attention.md derives the bound).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/kv/cache_format.hpp"

namespace tuff::reference {

// Decoded rows of K or V, and the magnitude arithmetic on each value reaches before its offset is applied:
// |scale * code| + |offset|.
struct CacheRows {
    std::uint32_t head = 0;
    std::vector<float> values, magnitudes;  // [cell][head]

    [[nodiscard]] std::size_t cells() const { return head == 0 ? 0 : values.size() / head; }
    // Decodes and appends one encoded row.
    void append(const CacheFormat& format, std::span<const std::byte> row);
};

// What one row of queries attends to.
struct AttentionRow {
    std::span<const float> q;  // k_head values
    const CacheRows* k = nullptr;
    const CacheRows* v = nullptr;
    std::span<const float> bias;  // added to each cell's logit, after the soft-cap; -infinity hides; empty: 0
    double scale = 1, softcap = 0;
    bool sink = false;
    double sink_logit = 0;
};

struct AttentionRoundings {
    std::uint64_t logit = 0, sum = 0;  // AttentionPlan's
};

struct AttentionValue {
    double value = 0;
    double bound = 0;  // of a correct kernel's error
};

// v_head values; zeros where every cell is hidden.
[[nodiscard]] std::vector<AttentionValue> attention_row(const AttentionRow& row,
                                                        const AttentionRoundings& roundings);

// |computed - exact| / bound; infinity for what is not finite, 0 where both are exact.
[[nodiscard]] double error_over_bound(float computed, const AttentionValue& exact);

}  // namespace tuff::reference
