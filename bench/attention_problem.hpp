// One attention problem: random queries and a random cache in given formats, on a device; the same recorded
// work is timed and checked against the reference.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/attention/attention.hpp"
#include "backend/kv/rotation.hpp"
#include "backend/reference/attention.hpp"
#include "bench/product.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

struct AttentionSegmentCase {
    const CacheFormat* k = nullptr;
    const CacheFormat* v = nullptr;
    CachePlace place = CachePlace::layout;
    std::vector<std::uint32_t> cells;  // filled, of each sequence; 0 is possible
};

struct AttentionCase {
    AttentionShape shape;
    AttentionVariant variant;
    std::vector<AttentionSegmentCase> segments;
    CacheKind kind{};
    AttentionTuning tuning;
    // Of what K and V hold; Q is rotated and the result's rotation undone as part of the work.
    tuff::Rotation k_rotation{}, v_rotation{};
    float magnitude = 1;  // of queries: larger ones make sharper softmaxes
    // A given mask hides what comes after a query, as ggml's do; otherwise cells at random.
    bool mask_is_causal = false;

    // "32/8x128 1@8192 causal": heads / kv heads x head size, tokens @ cells, and the variant.
    [[nodiscard]] std::string text() const;
    // Whether all of the cache is f16: what others are compared with.
    [[nodiscard]] bool exact() const;
    [[nodiscard]] std::string format_text() const;  // "q8_0/q4_0", one name where both are the same
};

// Move-only.
class AttentionProblem {
  public:
    // Errors of plan_attention; out_of_device_memory. As many copies of the cache as fill `rotation_bytes`.
    static Result<AttentionProblem> create(Session& session, AttentionCase one, std::uint64_t seed,
                                           std::uint64_t rotation_bytes);

    [[nodiscard]] const AttentionPlan& plan() const { return plan_; }
    [[nodiscard]] std::size_t sets() const { return sets_.size(); }
    // Of the cells that are filled, K and V; and of their encoded rows that the queries see at least once.
    [[nodiscard]] std::uint64_t cache_bytes() const { return cache_bytes_; }
    // Multiply-adds count as two; only logits that are seen.
    [[nodiscard]] std::uint64_t flops() const { return flops_; }
    [[nodiscard]] std::uint64_t rotation_bytes() const { return cache_bytes_ * sets_.size(); }

    // Of the plan, and for rotated queries.
    [[nodiscard]] std::uint64_t scratch_bytes() const { return plan_.scratch_bytes + turned_.size(); }

    Result<void> record(host::Stream& stream, std::size_t set);
    // Makes every float of y and of the scratch a NaN that check() knows.
    Result<void> poison();
    // Compares what the last execution wrote with the reference.
    Result<Check> check(const CheckOptions& options);

  private:
    // Encoded rows that cells pick from, and what they decode to.
    struct Pool {
        std::vector<std::byte> rows;
        reference::CacheRows decoded;
        std::uint32_t row_bytes = 0;
    };
    struct Segment {
        AttentionSegmentCase what;
        Pool k, v;
        std::uint32_t stride_cells = 0;  // from one sequence's first cell to the next's
        std::uint64_t first_mask = 0;    // element of a row of the mask
        std::vector<CacheSpan> spans;
        host::Buffer span_buffer;
    };
    struct Set {
        std::vector<host::Buffer> k, v;  // of each segment
    };

    AttentionProblem(Session& session, AttentionCase one, std::uint64_t seed)
        : session_(&session), case_(std::move(one)), seed_(seed) {}
    Result<void> make(std::uint64_t rotation_bytes);
    Result<void> make_segment(const AttentionSegmentCase& what, std::vector<std::uint32_t>& before);
    Result<host::Buffer> upload_side(const Segment& segment, CacheSide side, std::size_t set) const;
    Result<void> make_operands();
    void make_mask();
    void count_work();
    [[nodiscard]] std::size_t pick(const Segment& segment, CacheSide side, std::uint32_t sequence,
                                   std::uint32_t kv_head, std::uint32_t cell) const;
    [[nodiscard]] std::uint64_t first_query(std::uint32_t sequence) const;
    [[nodiscard]] float bias(const Segment& segment, std::uint32_t sequence, std::uint32_t token,
                             std::uint32_t head, std::uint32_t cell) const;
    Result<void> record_rotation(host::Stream& stream, CacheSide side);
    // What V's rotation undone makes of exact results and their bounds.
    void undo_rotation(std::vector<reference::AttentionValue>& row) const;
    [[nodiscard]] double check_row(const float* y, std::uint32_t sequence, std::uint32_t token,
                                   std::uint32_t head, std::string& failure) const;

    Session* session_;
    AttentionCase case_;
    std::uint64_t seed_;
    AttentionPlan plan_;
    std::vector<Segment> segments_;
    std::vector<Set> sets_;
    std::vector<float> q_, mask_, slopes_, sinks_;
    std::uint64_t mask_cells_ = 0;
    host::Buffer q_buffer_, mask_buffer_, slopes_buffer_, sinks_buffer_, y_, scratch_, turned_;
    std::uint64_t cache_bytes_ = 0, flops_ = 0;
};

}  // namespace tuff::bench
