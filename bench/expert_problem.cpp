#include "bench/expert_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/reference/matmul_id.hpp"
#include "bench/check.hpp"
#include "bench/random.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint64_t kGuardFloats = 256;
constexpr std::size_t kMostStacks = 64, kMostSets = 64;

// Slots as tokens, tokens as batches: what x, or y, is as the operand of a plain product.
MatmulShape x_shape(const MatmulIdShape& s) {
    return {.m = s.m,
            .n = s.x_slots(),
            .k = s.k,
            .batches = s.n,
            .w_batches = 1,
            .x_stride = s.shared_x ? s.k : s.x_stride,
            .x_batch = s.x_token};
}
MatmulShape y_shape(const MatmulIdShape& s) {
    return {.m = s.m,
            .n = s.used,
            .k = s.k,
            .batches = s.n,
            .w_batches = 1,
            .x_stride = s.k,
            .y_stride = s.y_stride,
            .x_batch = s.used * s.k,
            .y_batch = s.y_token};
}

std::vector<std::int32_t> random_ids(const MatmulIdShape& s, Routing routing, Random& random) {
    constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min(),
                           kMost = std::numeric_limits<std::int32_t>::max();
    const auto experts = static_cast<std::int32_t>(s.experts);
    const std::array wrong{-1, kLeast, kMost, experts, 2 * experts + 7, -experts};
    std::vector<std::int32_t> ids(s.ids_count(), kLeast), order(s.experts);
    std::iota(order.begin(), order.end(), 0);
    const auto any = static_cast<std::int32_t>(random.below(s.experts));
    for (std::uint64_t t = 0; t < s.n; t++)
        for (std::uint64_t slot = 0; slot < s.used; slot++) {
            std::int32_t& id = ids[t * s.ids_stride + slot];
            if (routing == Routing::one) {
                id = any;
            } else if (routing == Routing::hostile) {
                id = random.below(4) == 0 ? wrong[random.below(wrong.size())]
                                          : static_cast<std::int32_t>(random.below(s.experts));
            } else {
                const std::uint64_t place = slot % s.experts;
                std::swap(order[place], order[place + random.below(s.experts - place)]);
                id = order[place];
            }
        }
    return ids;
}

}  // namespace

std::string ExpertCase::text() const {
    return fmt::format("{}x{}x{} {}/{}", shape.m, shape.n, shape.k, shape.used, shape.experts);
}

CaseResult ExpertCase::describe() const {
    CaseResult result;
    result.op = Op::matmul_id;
    result.format = format;
    result.sizes = text();
    const auto mark = [&](std::string_view what) {
        result.label += fmt::format("{}{}", result.label.empty() ? "" : ", ", what);
    };
    if (data != Data::ordinary) mark(data_name(data));
    if (!shape.shared_x) mark("x of each slot");
    if (routing == Routing::hostile) mark("hostile ids");
    if (routing == Routing::one) mark("one expert");
    return result;
}

Result<MatmulIdPlan> plan_experts(const host::DeviceSnapshot& device, const ExpertCase& one) {
    return one.algorithm ? plan_matmul_id(device, *one.format, *one.algorithm, one.shape)
                         : plan_matmul_id(device, *one.format, one.layout, one.shape);
}

Result<ExpertProblem> ExpertProblem::create(Session& session, const ExpertCase& one, std::uint64_t seed,
                                            std::uint64_t rotation_bytes) {
    TUFF_TRY(plan, plan_experts(session.snapshot(), one));
    ExpertProblem problem(session, one, std::move(plan), seed);
    TUFF_CHECK(problem.make(rotation_bytes));
    return problem;
}

std::uint64_t ExpertProblem::x_offset() const {
    // Exactly as aligned as the shape says, so that a kernel that assumes more is found out.
    return plan_.shape.x_alignment < 16 ? plan_.shape.x_alignment : 0;
}

Result<void> ExpertProblem::make(std::uint64_t rotation_bytes) {
    host::Device& device = session_->device();
    const MatmulIdShape& s = plan_.shape;
    TUFF_CHECK(check_fits(*session_, *case_.format, plan_.layout, s.weights()));
    blocks_ = random_weights(*case_.format, s.weights(), case_.data, seed_);
    x_ = random_activations(x_shape(s), case_.data, seed_ + 1);
    TUFF_TRY(stack, Weights::upload(device, *case_.format, plan_.layout, s.weights(), blocks_, "experts"));
    stacks_.push_back(std::move(stack));
    TUFF_TRY(x, device.allocate(host::Intent::scratch,
                                x_offset() + x_.size() * sizeof(float) + kGuardFloats * sizeof(float),
                                "activations"));
    TUFF_CHECK(host::fill(device, x, 0, x.size(), kPoison));
    TUFF_CHECK(host::upload(device, x, x_offset(), std::as_bytes(std::span(x_))));
    x_buffer_ = std::move(x);
    TUFF_TRY(y, device.allocate(host::Intent::scratch, (s.y_floats() + 2 * kGuardFloats) * sizeof(float),
                                "results"));
    y_ = std::move(y);
    TUFF_TRY(scratch, device.allocate(host::Intent::scratch, std::max<std::uint64_t>(plan_.scratch_bytes, 4),
                                      "scratch"));
    scratch_ = std::move(scratch);
    TUFF_CHECK(host::fill(device, y_, 0, y_.size(), kPoison));
    TUFF_CHECK(host::fill(device, scratch_, 0, scratch_.size() / 4 * 4, kPoison));

    const std::uint64_t bytes = std::max<std::uint64_t>(stacks_.front().bytes(), 1);
    while (stacks_.size() < kMostStacks && stacks_.size() * bytes < rotation_bytes) {
        auto copy = stacks_.front().clone(device, "experts");
        if (!copy && copy.error().code == ErrorCode::out_of_device_memory) break;
        if (!copy) return pass(std::move(copy));
        stacks_.push_back(std::move(*copy));
    }
    // A few tokens touch few experts: many tables, so that executions go round the whole stack.
    const std::uint64_t tables = rotation_bytes > 0 ? ceil_div(2 * s.experts, s.pairs()) : 1;
    const std::size_t sets = std::clamp<std::size_t>(stacks_.size() * tables, 1, kMostSets);
    for (std::size_t i = 0; i < sets; i++) TUFF_CHECK(add_set(i));
    return {};
}

Result<void> ExpertProblem::add_set(std::size_t index) {
    Random random(seed_ + 2 + index);
    Set set{index % stacks_.size(), random_ids(plan_.shape, case_.routing, random), 0, {}};
    const std::set<std::int32_t> distinct(set.ids.begin(), set.ids.end());
    set.experts = static_cast<std::uint64_t>(std::ranges::count_if(distinct, [this](std::int32_t id) {
        return id >= 0 && static_cast<std::uint64_t>(id) < plan_.shape.experts;
    }));
    TUFF_TRY(buffer, session_->device().allocate(host::Intent::scratch, set.ids.size() * sizeof(std::int32_t),
                                                 "ids"));
    TUFF_CHECK(host::upload(session_->device(), buffer, 0, std::as_bytes(std::span(set.ids))));
    set.buffer = std::move(buffer);
    sets_.push_back(std::move(set));
    return {};
}

std::uint64_t ExpertProblem::moved_bytes() const {
    const MatmulIdShape& s = plan_.shape;
    const std::uint64_t matrix = *matrix_bytes(*case_.format, Layout::blocks, s.weights());
    std::uint64_t experts = 0;
    for (const Set& set : sets_) experts += set.experts;
    return experts * matrix / sets_.size() +
           (s.n * s.x_slots() * s.k + s.pairs() * s.m + s.pairs()) * sizeof(float);
}

std::uint64_t ExpertProblem::flops() const {
    return 2 * plan_.shape.pairs() * plan_.shape.m * plan_.shape.k;
}

std::uint64_t ExpertProblem::rotation_bytes() const {
    return stacks_.size() * stacks_.front().bytes();
}

Result<void> ExpertProblem::record(host::Stream& stream, std::size_t set) {
    return record_matmul_id(stream, session_->device(), plan_, stacks_[sets_[set].stack],
                            {&x_buffer_, x_offset()}, {&sets_[set].buffer},
                            {&y_, kGuardFloats * sizeof(float)}, {&scratch_, 0});
}

Result<Check> ExpertProblem::check(std::size_t set, const CheckOptions& options) {
    const MatmulIdShape& s = plan_.shape;
    std::vector<float> y(y_.size() / sizeof(float));
    TUFF_CHECK(host::readback(session_->device(), y_, 0, std::as_writable_bytes(std::span(y))));
    Check check;
    std::uint64_t wrong = 0;
    std::string worst;
    for (const std::uint64_t row : rows_to_check(y_shape(s), options)) {
        const auto dots = reference::dot_row_by_expert(*case_.format, s, blocks_.data(), row, x_.data(),
                                                       sets_[set].ids.data());
        for (std::uint64_t pair = 0; pair < s.pairs(); pair++) {
            const std::uint64_t t = pair / s.used, slot = pair % s.used;
            const float computed = y[kGuardFloats + t * s.y_token + slot * s.y_stride + row];
            const double error = error_of(computed, dots[pair], plan_.roundings);
            check.elements_checked++;
            if (!(error <= 1)) wrong++;
            if (error > check.error_over_bound || (error > 1 && worst.empty())) {
                check.error_over_bound = error;
                worst = fmt::format(
                    "row {} of token {}, slot {}, expert {}, is {} where {} is exact: {:.3g} times "
                    "the bound",
                    row, t, slot, sets_[set].ids[t * s.ids_stride + slot], computed, dots[pair].value, error);
            }
        }
    }
    check.failure = wrong > 0 ? fmt::format("{} of {} elements are wrong; the worst, {}", wrong,
                                            check.elements_checked, worst)
                              : find_touched(y_shape(s), y, kGuardFloats);
    return check;
}

}  // namespace tuff::bench
