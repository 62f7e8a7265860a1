#include "bench/verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuff/log.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <new>
#include <optional>
#include <utility>

#include "backend/attention/attention_plan.hpp"
#include "backend/text_output.hpp"
#include "bench/attention_cases.hpp"
#include "bench/attention_measure.hpp"
#include "bench/compare.hpp"
#include "bench/operands.hpp"
#include "bench/product.hpp"
#include "bench/progress.hpp"
#include "bench/report.hpp"
#include "bench/transfers.hpp"
#include "bench/verify_cases.hpp"
#include "bench/verify_roofs.hpp"
#include "host/bytes.hpp"

namespace tuff::bench {
namespace {

using Clock = std::chrono::steady_clock;

// What was asked for, by meaning.
struct Wanted {
    std::vector<Op> ops;
    std::vector<const Format*> formats;
    std::vector<MatmulAlgorithm> algorithms;

    [[nodiscard]] bool op(Op one) const { return std::ranges::find(ops, one) != ops.end(); }
};

Result<Wanted> parse(const VerifyOptions& options) {
    TUFF_TRY(ops, parse_ops(options.ops));
    TUFF_TRY(formats, parse_formats(options.formats));
    TUFF_TRY(algorithms, parse_algorithms(options.algorithms));
    Wanted wanted{std::move(ops), std::move(formats), std::move(algorithms)};
    // Who names formats or algorithms means products.
    if (wanted.ops.empty() && !(wanted.formats.empty() && wanted.algorithms.empty()))
        wanted.ops = {Op::matvec, Op::matmul};
    if (wanted.ops.empty()) wanted.ops.assign(all_ops().begin(), all_ops().end());
    if (wanted.formats.empty()) wanted.formats.assign(tuff::formats().begin(), tuff::formats().end());
    if (wanted.algorithms.empty())
        wanted.algorithms.assign(all_matmul_algorithms().begin(), all_matmul_algorithms().end());
    return wanted;
}

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
    host::Stream stream(session.device(), "verified");
    TUFF_CHECK(product.record(stream, 0));
    TUFF_CHECK(stream.finish());
    TUFF_CHECK(stream.run());
    TUFF_TRY(check, product.check({CheckOptions{}.max_multiply_adds, seed}));
    result.error_over_bound = check.error_over_bound;
    result.elements_checked = check.elements_checked;
    if (!check.failure.empty()) return fail(ErrorCode::internal, "{}", check.failure);
    return {};
}

CaseResult verify_case(Session& session, const VerifyCase& one, std::uint64_t seed) {
    CaseResult result;
    result.op = one.op;
    result.format = one.format;
    result.shape = one.shape;
    result.variant = algorithm_name(one.algorithm);
    if (one.data != Data::ordinary) result.label = data_name(one.data);
    Result<void> done;
    try {
        done = verify_product(session, one, seed, result);
    } catch (const std::bad_alloc&) {
        done = fail(ErrorCode::out_of_memory, "not enough host memory for the operands");
    }
    if (done) return result;
    // A shape beyond a limit of this device cannot be wrong on it.
    const ErrorCode code = done.error().code;
    const bool beyond =
        code == ErrorCode::unsupported || code == ErrorCode::usage || code == ErrorCode::out_of_device_memory;
    result.status = beyond ? Status::unsupported : Status::fail;
    result.reason = done.error().message;
    return result;
}

// Results of one kernel and op, summed up.
struct Group {
    std::uint64_t pass = 0, fail = 0, unsupported = 0;
    std::optional<double> worst;
    std::string reason;  // of the first that is unsupported

    void add(const CaseResult& result) {
        (result.status == Status::pass ? pass : result.status == Status::fail ? fail : unsupported)++;
        if (result.error_over_bound) worst = std::max(worst.value_or(0), *result.error_over_bound);
        if (result.status == Status::unsupported && reason.empty()) reason = result.reason;
    }
};

class Run {
  public:
    Run(const VerifyOptions& options, Wanted wanted, Session session)
        : options_(options), wanted_(std::move(wanted)), session_(std::move(session)) {
        environment_.device = session_.snapshot();
        environment_.why_device = session_.why();
        environment_.lowered = session_.lowered();
        environment_.seed = options_.seed;
        environment_.command_line = options_.command_line;
    }

    Result<int> run() {
        const auto start = Clock::now();
        print(device_line(environment_) + "\n");
        print(fmt::format("{:<6}  {:<6}  {:<14}  {:>5}  {:>5}  {:>11}  {:>8}  {}\n", "op", "format", "kernel",
                          "pass", "fail", "error/bound", "time", "unsupported"));
        for (const MatmulAlgorithm algorithm : wanted_.algorithms)
            for (const Format* format : wanted_.formats) products(algorithm, *format);
        if (wanted_.op(Op::attention))
            for (const CacheKind kind : {CacheKind::lanes, CacheKind::wide}) attention(kind);
        if (wanted_.op(Op::copy)) others(Op::copy, [&] { return verify_copies(session_, options_.seed); });
        if (wanted_.op(Op::fma)) others(Op::fma, [&] { return verify_fma(session_); });
        if (wanted_.op(Op::transfer)) {
            TUFF_TRY(rows, verify_transfers(session_));
            others(Op::transfer, [&] { return std::move(rows); });
        }
        progress_.clear();
        print(fmt::format(
            "\n{} passed, {} failed, {} unsupported in {:.1f} s; worst error {:.3g} of its bound\n",
            total_.pass, total_.fail, total_.unsupported, seconds(start), total_.worst.value_or(0)));
        if (!options_.json.empty())
            TUFF_CHECK(write_text(options_.json, verify_json(environment_, results_)));
        if (session_.device().lost()) return fail(ErrorCode::device_lost, "the device was lost on the way");
        TUFF_CHECK(session_.check_validation());
        return total_.fail > 0 ? 1 : 0;
    }

  private:
    static double seconds(Clock::time_point start) {
        return std::chrono::duration<double>(Clock::now() - start).count();
    }

    void products(MatmulAlgorithm algorithm, const Format& format) {
        std::vector<VerifyCase> cases = verify_cases(algorithm, format, options_.quick);
        if (options_.huge) cases.push_back(huge_case(algorithm, format));
        std::erase_if(cases, [&](const VerifyCase& one) { return !wanted_.op(one.op); });
        // What the device lacks holds for all cases of the kernel alike.
        const shaders::Kernel* kernel =
            shaders::find_kernel(fmt::format("{}.{}", algorithm_name(algorithm), format.name));
        const auto missing = kernel ? host::missing_needs(session_.snapshot(), *kernel)
                                    : std::vector<std::string>{"the kernel"};
        for (const Op op : {Op::matvec, Op::matmul}) {
            const auto start = Clock::now();
            Group group;
            for (std::size_t i = 0; i < cases.size() && !session_.device().lost(); i++) {
                const VerifyCase& one = cases[i];
                if (one.op != op) continue;
                if (!missing.empty()) {
                    CaseResult result;
                    result.op = op;
                    result.format = &format;
                    result.variant = algorithm_name(algorithm);
                    result.status = Status::unsupported;
                    result.reason = fmt::format("the device lacks {}", fmt::join(missing, ", "));
                    add(std::move(result), group);
                    break;
                }
                progress_.show(fmt::format("{} {} {} {}", algorithm_name(algorithm), format.name,
                                           shape_text(one.shape), data_name(one.data)));
                add(verify_case(session_, one, options_.seed + i), group);
            }
            show(op, format.name, algorithm_name(algorithm), group, seconds(start));
        }
    }

    void attention(CacheKind kind) {
        const auto start = Clock::now();
        const std::string name = fmt::format("attention_{}", cache_kind_name(kind));
        const shaders::Kernel* kernel = shaders::find_kernel(name);
        const auto missing = kernel ? host::missing_needs(session_.snapshot(), *kernel)
                                    : std::vector<std::string>{"the kernel"};
        Group group;
        const auto cases = verify_attention_cases(kind, options_.quick);
        for (std::size_t i = 0; i < cases.size() && !session_.device().lost(); i++) {
            progress_.show(fmt::format("{} {} {}", name, cases[i].format_text(), cases[i].text()));
            if (missing.empty()) {
                add(verify_attention(session_, cases[i], options_.seed + i), group);
                continue;
            }
            CaseResult result;
            result.op = Op::attention;
            result.variant = name;
            result.status = Status::unsupported;
            result.reason = fmt::format("the device lacks {}", fmt::join(missing, ", "));
            add(std::move(result), group);
            break;
        }
        show(Op::attention, "-", name, group, seconds(start));
    }

    template <class Verify>
    void others(Op op, const Verify& verify) {
        const auto start = Clock::now();
        Group group;
        progress_.show(op_name(op));
        for (CaseResult& result : verify()) add(std::move(result), group);
        show(op, "-", "-", group, seconds(start));
    }

    void add(CaseResult result, Group& group) {
        group.add(result);
        total_.add(result);
        if (result.status == Status::fail)
            print(fmt::format("FAIL {}, {}: {}\n", row_key(result), result.variant, result.reason));
        results_.push_back(std::move(result));
    }

    void show(Op op, std::string_view format, std::string_view kernel, const Group& group, double took) {
        if (group.pass + group.fail + group.unsupported == 0) return;
        std::string unsupported;
        if (group.unsupported > 0)
            unsupported = fmt::format("{} case(s): {}", group.unsupported, group.reason);
        std::string line =
            fmt::format("{:<6}  {:<6}  {:<14}  {:>5}  {:>5}  {:>11}  {:>6.1f} s  {}", op_name(op), format,
                        kernel, group.pass, group.fail,
                        group.worst ? fmt::format("{:.3g}", *group.worst) : "-", took, unsupported);
        line.erase(line.find_last_not_of(' ') + 1);
        print(line + "\n");
    }

    void print(const std::string& text) {
        progress_.clear();
        if (options_.json == "-") return;
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
    }

    const VerifyOptions& options_;
    Wanted wanted_;
    Session session_;
    Environment environment_;
    std::vector<CaseResult> results_;
    Group total_;
    Progress progress_;
};

}  // namespace

Result<int> run_verify(const VerifyOptions& options) {
    TUFF_TRY(wanted, parse(options));
    TUFF_CHECK(check_target(options.json));
    TUFF_TRY(session, Session::open(options.session));
    return Run(options, std::move(wanted), std::move(session)).run();
}

}  // namespace tuff::bench
