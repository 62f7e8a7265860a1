#include "bench/verify_products.hpp"

#include <fmt/format.h>
#include <tuff/log.hpp>

#include <utility>

#include "bench/operands.hpp"
#include "bench/problem_run.hpp"
#include "bench/product.hpp"
#include "bench/verify_cases.hpp"

namespace tuff::bench {
namespace {

Result<void> verify_product(Session& session, const VerifyCase& one, std::uint64_t seed, CaseResult& result) {
    TUFF_TRY(plan, plan_matmul(session.snapshot(), *one.format, one.algorithm, one.shape));
    result.shape = plan.shape;
    result.variant = plan.describe();
    log(LogLevel::debug, "{} {} {}: {}", op_name(one.op), shape_text(plan.shape), data_name(one.data),
        result.variant);
    const MatrixShape weights = plan.shape.weights();
    TUFF_CHECK(check_fits(session, *one.format, algorithm_layout(plan.algorithm), weights));
    TUFF_TRY(stored, matrix_bytes(*one.format, Layout::blocks, weights));
    const std::vector<std::byte> blocks = random_weights(*one.format, weights, one.data, seed);
    const std::vector<float> x = random_activations(plan.shape, one.data, seed + 1);
    TUFF_TRY(product, Product::create(session, *one.format, std::move(plan), blocks, x, 0));
    constexpr std::uint64_t kDownloaded = std::uint64_t{32} << 20;
    if (stored * weights.batches <= kDownloaded) TUFF_CHECK(product.check_weights());
    TUFF_CHECK(run_once(session, product));
    TUFF_TRY(check, product.check({CheckOptions{}.max_multiply_adds, seed}));
    return accept(check, result);
}

VerifyCaseRun run_of(const VerifyCase& one) {
    CaseResult result;
    result.op = one.op;
    result.format = one.format;
    result.shape = one.shape;
    result.variant = algorithm_name(one.algorithm);
    if (one.data != Data::ordinary) result.label = data_name(one.data);
    return {std::move(result), [one](Session& session, std::uint64_t seed, CaseResult& found) {
                return verify_product(session, one, seed, found);
            }};
}

}  // namespace

std::vector<VerifyGroup> product_groups(const VerifyRequest& request, const host::DeviceSnapshot&) {
    std::vector<VerifyGroup> groups;
    for (const MatmulAlgorithm algorithm : request.algorithms)
        for (const Format* format : request.formats) {
            std::vector<VerifyCase> cases = verify_cases(algorithm, *format, request.quick);
            if (request.huge) cases.push_back(huge_case(algorithm, *format));
            for (const Op op : {Op::matvec, Op::matmul}) {
                if (!request.op(op)) continue;
                const std::string_view kernel = algorithm_name(algorithm);
                VerifyGroup group{op,
                                  std::string(format->name),
                                  std::string(kernel),
                                  fmt::format("{}.{}", kernel, format->name),
                                  {}};
                for (const VerifyCase& one : cases)
                    if (one.op == op) group.cases.push_back(run_of(one));
                groups.push_back(std::move(group));
            }
        }
    return groups;
}

}  // namespace tuff::bench
