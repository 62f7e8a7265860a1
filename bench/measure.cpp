#include "bench/measure.hpp"

#include <tuff/log.hpp>

#include <new>
#include <utility>
#include <vector>

#include "bench/operands.hpp"
#include "bench/problem_run.hpp"
#include "bench/product.hpp"

namespace tuff::bench {
namespace {

// A sample of rows that takes the CPU some tenths of a second.
constexpr std::uint64_t kReferenceWork = 100'000'000;

Result<void> measure(Session& session, const BenchCase& one, const GgufFile* model,
                     const MeasureOptions& options, CaseResult& result) {
    TUFF_TRY(plan, plan_case(session.snapshot(), one, options.algorithm));
    const MatmulShape shape = plan.shape;
    result.shape = shape;
    result.variant = plan.describe();
    log(LogLevel::info, "{} {} {}: {}", op_name(one.op), one.format->name, shape_text(shape), result.variant);
    TUFF_CHECK(check_fits(session, *one.format, algorithm_layout(plan.algorithm), shape.weights()));
    TUFF_TRY(stored, matrix_bytes(*one.format, Layout::blocks, shape.weights()));
    result.bytes = stored * shape.w_batches + (shape.k + shape.m) * shape.n * shape.batches * sizeof(float);
    result.flops = 2 * shape.m * shape.n * shape.k * shape.batches;

    std::vector<std::byte> made;
    if (!one.tensor) made = random_weights(*one.format, shape.weights(), Data::ordinary, options.seed);
    const std::span<const std::byte> blocks =
        one.tensor ? model->data(*one.tensor) : std::span<const std::byte>(made);
    const std::vector<float> x = random_activations(shape, Data::ordinary, options.seed + 1);
    TUFF_TRY(product,
             Product::create(session, *one.format, std::move(plan), blocks, x, options.rotation_bytes));
    TUFF_CHECK(time_problem(session, product, options.timing, result));
    TUFF_TRY(check, product.check({kReferenceWork, options.seed}));
    return accept(check, result);
}

}  // namespace

Result<MatmulPlan> plan_case(const host::DeviceSnapshot& device, const BenchCase& one,
                             const std::optional<MatmulAlgorithm>& algorithm) {
    if (algorithm) return plan_matmul(device, *one.format, *algorithm, one.shape);
    return plan_matmul(device, *one.format, preferred_layout(device), one.shape);
}

Result<CaseResult> measure_product(Session& session, const BenchCase& one, const GgufFile* model,
                                   const MeasureOptions& options) {
    CaseResult result;
    result.op = one.op;
    result.format = one.format;
    result.shape = one.shape;
    result.label = one.label;
    if (!one.unsupported.empty()) {
        result.status = Status::unsupported;
        result.reason = one.unsupported;
        return result;
    }
    Result<void> done;
    try {
        done = measure(session, one, model, options, result);
    } catch (const std::bad_alloc&) {
        done = fail(ErrorCode::out_of_memory, "not enough host memory for the operands");
    }
    if (done) return result;
    if (session.device().lost()) return pass(std::move(done));
    result.status = done.error().code == ErrorCode::unsupported ? Status::unsupported : Status::fail;
    result.reason = done.error().message;
    return result;
}

}  // namespace tuff::bench
