// How fast a placed model's streamed units come to the device, and how well that hides behind work that reads
// them.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "backend/plan/units.hpp"
#include "backend/residency/placed_model.hpp"
#include "bench/roof_kernels.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// Work for PlacedModel: a kernel reads every matrix of a unit once, as the products of a token do at least.
// Must outlive the model and stay where it is.
class ReadUnits {
  public:
    // For units of up to `largest` bytes in a matrix. The errors of host::Device::allocate.
    static Result<ReadUnits> make(Session& session, std::uint64_t largest);
    // Only `used` parts of `count` of each matrix's bytes.
    [[nodiscard]] Result<void> record(host::Stream& stream, std::span<const Weights> weights,
                                      std::uint64_t used, std::uint64_t count) const;

  private:
    explicit ReadUnits(Session& session) : session_(&session) {}
    Session* session_;
    host::Buffer sums_;
};

// Of each unit of experts as many as a token uses, at random, the same in every run of the program.
[[nodiscard]] std::function<std::vector<std::uint64_t>(std::size_t unit)> random_experts(
    const Residency& residency);

struct StreamRates {
    std::uint64_t passes = 0;
    std::uint64_t bytes = 0;                           // copied in a pass, on average
    std::uint64_t copy_bytes = 0;                      // the same where copies are alone
    std::uint64_t expert_hits = 0, expert_misses = 0;  // in all passes
    // Seconds of a pass, medians: copies alone, computations alone, both.
    double copy_s = 0, compute_s = 0, both_s = 0;

    [[nodiscard]] double gbps() const;  // of both
    [[nodiscard]] double copy_gbps() const;
    // (copy + compute - both) / the shorter of the two: 1 where the shorter is hidden.
    [[nodiscard]] double overlap() const;
    [[nodiscard]] double hit_rate() const;  // 0 where no experts are streamed
};

// Runs the model `passes` times each way. cancelled: `stop` said so, between passes; the errors of
// PlacedModel::run.
Result<StreamRates> measure_streaming(PlacedModel& model, std::uint64_t passes,
                                      const std::function<bool()>& stop);

}  // namespace tuff::bench
