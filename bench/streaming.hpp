// How fast a placed model's streamed units come to the device, and how well that hides behind work that reads
// them.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

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
    [[nodiscard]] Result<void> record(host::Stream& stream, std::span<const Weights> weights) const;

  private:
    explicit ReadUnits(Session& session) : session_(&session) {}
    Session* session_;
    host::Buffer sums_;
};

struct StreamRates {
    std::uint64_t passes = 0;
    std::uint64_t bytes = 0;  // copied in a pass
    // Seconds of a pass, medians: copies alone, computations alone, both.
    double copy_s = 0, compute_s = 0, both_s = 0;

    [[nodiscard]] double gbps() const;  // of both
    [[nodiscard]] double copy_gbps() const;
    // (copy + compute - both) / the shorter of the two: 1 where the shorter is hidden.
    [[nodiscard]] double overlap() const;
};

// Runs the model `passes` times each way. cancelled: `stop` said so, between passes; the errors of
// PlacedModel::run.
Result<StreamRates> measure_streaming(PlacedModel& model, std::uint64_t passes,
                                      const std::function<bool()>& stop);

}  // namespace tuff::bench
