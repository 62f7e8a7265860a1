// One product of weights and activations on a device, with as many copies of its operands as a rotation
// needs. The same recorded work is timed and checked against the reference.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/matmul.hpp"
#include "backend/matmul_plan.hpp"
#include "bench/case.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// What a check found.
struct Check {
    double error_over_bound = 0;  // of the worst element checked
    std::uint64_t elements_checked = 0;
    std::string failure;  // empty: all is right
};

// Writes what was found into the case's result; `internal` with the failure where there is one.
Result<void> accept(const Check& check, CaseResult& result);

// How a result is checked.
struct CheckOptions {
    std::uint64_t max_multiply_adds =
        200'000'000;         // of the reference; beyond it a random sample of rows is checked
    std::uint64_t seed = 0;  // of that sample
};

// Move-only; the host's operands given to create() must outlive it.
class Product {
  public:
    // `blocks`: the weights as GGUF blocks; `x`: plan.shape.x_floats() activations. Copies are made until
    // they fill `rotation_bytes`, or device memory is short. out_of_device_memory where not even one fits,
    // before anything large is made.
    static Result<Product> create(Session& session, const Format& format, MatmulPlan plan,
                                  std::span<const std::byte> blocks, std::span<const float> x,
                                  std::uint64_t rotation_bytes);

    [[nodiscard]] const MatmulPlan& plan() const { return plan_; }
    [[nodiscard]] std::size_t sets() const { return sets_.size(); }
    [[nodiscard]] std::uint64_t rotation_bytes() const;  // of all sets together

    // Appends one execution on the operands of one set. All sets write the same y.
    Result<void> record(host::Stream& stream, std::size_t set);

    // Makes every float of y and of the scratch a NaN that check() knows.
    Result<void> poison();

    // Compares what the last execution wrote with the reference, and what it must not have touched with the
    // poison.
    Result<Check> check(const CheckOptions& options);

    // Whether the first set's weights read back equal the blocks they were made from; `internal` where not.
    Result<void> check_weights();

  private:
    struct Set {
        Weights weights;
        host::Buffer x;
    };
    Product(Session& session, const Format& format, MatmulPlan plan, std::span<const std::byte> blocks,
            std::span<const float> x)
        : session_(&session), format_(&format), plan_(std::move(plan)), blocks_(blocks), x_(x) {}
    Result<void> add_first();
    Result<void> add_copy();
    [[nodiscard]] std::uint64_t x_offset() const;  // bytes

    Session* session_;
    const Format* format_;
    MatmulPlan plan_;
    std::span<const std::byte> blocks_;
    std::span<const float> x_;
    std::vector<Set> sets_;
    host::Buffer y_, scratch_;
};

// `out_of_device_memory` where weights of that many bytes cannot fit; costs nothing.
Result<void> check_fits(const Session& session, const Format& format, Layout layout,
                        const MatrixShape& shape);

}  // namespace tuff::bench
