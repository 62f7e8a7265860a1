// One product by expert on a device: a random stack of matrices, random activations, and a table of which
// matrix each slot of a token takes. The same recorded work is timed and checked against the reference.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/matmul_id.hpp"
#include "bench/operands.hpp"
#include "bench/product.hpp"
#include "bench/session.hpp"

namespace tuff::bench {

// What the table of ids is like.
enum class Routing {
    distinct,  // every token takes as many experts as it has slots, at random
    hostile,   // any ids, experts and others, some of them several times in a token
    one,       // all slots take the same expert
};

struct ExpertCase {
    const Format* format = nullptr;
    Layout layout{};
    std::optional<MatmulAlgorithm> algorithm;  // nullopt: the plan's choice for the layout
    MatmulIdShape shape;
    Data data = Data::ordinary;
    Routing routing = Routing::distinct;

    [[nodiscard]] std::string text() const;  // "768x512x2048 8/128": m x n x k, experts used of all
    // Without figures.
    [[nodiscard]] CaseResult describe() const;
};

// The errors of plan_matmul_id.
Result<MatmulIdPlan> plan_experts(const host::DeviceSnapshot& device, const ExpertCase& one);

// Move-only.
class ExpertProblem {
  public:
    // Errors of plan_experts; out_of_device_memory. As many stacks as together fill `rotation_bytes`, and
    // tables of ids that touch all of them in turn.
    static Result<ExpertProblem> create(Session& session, const ExpertCase& one, std::uint64_t seed,
                                        std::uint64_t rotation_bytes);

    [[nodiscard]] const MatmulIdPlan& plan() const { return plan_; }
    [[nodiscard]] std::size_t sets() const { return sets_.size(); }
    // That an execution has to move, on average: every expert that some token takes as the file stores it,
    // once, and activations, ids and results.
    [[nodiscard]] std::uint64_t moved_bytes() const;
    // Multiply-adds count as two.
    [[nodiscard]] std::uint64_t flops() const;
    [[nodiscard]] std::uint64_t rotation_bytes() const;

    // Appends one execution; all sets write the same y.
    Result<void> record(host::Stream& stream, std::size_t set);

    // Compares what the last execution, on set `set`, wrote with the reference, and what it must not have
    // touched with what was there before.
    Result<Check> check(std::size_t set, const CheckOptions& options);

  private:
    struct Set {
        std::size_t stack = 0;
        std::vector<std::int32_t> ids;
        std::uint64_t experts = 0;  // that some slot takes
        host::Buffer buffer;
    };

    ExpertProblem(Session& session, const ExpertCase& one, MatmulIdPlan plan, std::uint64_t seed)
        : session_(&session), case_(one), plan_(std::move(plan)), seed_(seed) {}
    Result<void> make(std::uint64_t rotation_bytes);
    Result<void> add_set(std::size_t index);
    [[nodiscard]] std::uint64_t x_offset() const;  // bytes

    Session* session_;
    ExpertCase case_;
    MatmulIdPlan plan_;
    std::uint64_t seed_;
    std::vector<std::byte> blocks_;
    std::vector<float> x_;
    std::vector<Weights> stacks_;
    std::vector<Set> sets_;
    host::Buffer x_buffer_, y_, scratch_;
};

}  // namespace tuff::bench
