#include "bench/verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuff/log.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "backend/text_output.hpp"
#include "bench/attention_measure.hpp"
#include "bench/clock.hpp"
#include "bench/compare.hpp"
#include "bench/expert_measure.hpp"
#include "bench/guarded.hpp"
#include "bench/progress.hpp"
#include "bench/report.hpp"
#include "bench/rows_measure.hpp"
#include "bench/transfers.hpp"
#include "bench/verify_group.hpp"
#include "bench/verify_products.hpp"
#include "bench/verify_roofs.hpp"
#include "host/pipeline.hpp"
#include "shaders/table.hpp"

namespace tuff::bench {
namespace {

// Who makes the groups, in the order of the report.
constexpr MakeVerifyGroups kMakers[] = {product_groups, expert_groups, rows_groups,    attention_groups,
                                        copy_groups,    fma_groups,    transfer_groups};

Result<VerifyRequest> parse(const VerifyOptions& options) {
    TUFF_TRY(ops, parse_ops(options.ops));
    TUFF_TRY(formats, parse_formats(options.formats));
    TUFF_TRY(algorithms, parse_algorithms(options.algorithms));
    VerifyRequest wanted{std::move(ops), std::move(formats), std::move(algorithms), options.quick,
                         options.huge};
    // Who names algorithms means products, and who names formats, what is done with them.
    if (wanted.ops.empty() && !wanted.algorithms.empty())
        wanted.ops = {Op::matvec, Op::matmul, Op::matmul_id};
    else if (wanted.ops.empty() && !wanted.formats.empty())
        wanted.ops = {Op::matvec, Op::matmul, Op::matmul_id, Op::get_rows, Op::convert, Op::quantize};
    if (wanted.ops.empty()) wanted.ops.assign(all_ops().begin(), all_ops().end());
    if (wanted.formats.empty()) wanted.formats.assign(tuff::formats().begin(), tuff::formats().end());
    if (wanted.algorithms.empty())
        wanted.algorithms.assign(all_matmul_algorithms().begin(), all_matmul_algorithms().end());
    return wanted;
}

// Results summed up.
struct Tally {
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
    Run(const VerifyOptions& options, VerifyRequest wanted, Session session)
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
        print(fmt::format("{:<9}  {:<6}  {:<16}  {:>5}  {:>5}  {:>11}  {:>8}  {}\n", "op", "format", "kernel",
                          "pass", "fail", "error/bound", "time", "unsupported"));
        for (const MakeVerifyGroups make : kMakers)
            for (const VerifyGroup& group : make(wanted_, session_.snapshot())) run(group);
        progress_.clear();
        print(fmt::format(
            "\n{} passed, {} failed, {} unsupported in {:.1f} s; worst error {:.3g} of its bound\n",
            total_.pass, total_.fail, total_.unsupported, seconds_since(start), total_.worst.value_or(0)));
        if (!options_.json.empty())
            TUFF_CHECK(write_text(options_.json, verify_json(environment_, results_)));
        if (session_.device().lost()) return fail(ErrorCode::device_lost, "the device was lost on the way");
        TUFF_CHECK(session_.check_validation());
        return total_.fail > 0 ? 1 : 0;
    }

  private:
    void run(const VerifyGroup& group) {
        const auto start = Clock::now();
        // What the device lacks holds for all cases of a kernel alike.
        std::vector<std::string> missing;
        if (!group.needs.empty()) {
            const shaders::Kernel* kernel = shaders::find_kernel(group.needs);
            missing = kernel ? host::missing_needs(session_.snapshot(), *kernel)
                             : std::vector<std::string>{"the kernel"};
        }
        Tally tally;
        for (std::size_t i = 0; i < group.cases.size() && !session_.device().lost(); i++) {
            const VerifyCaseRun& one = group.cases[i];
            CaseResult result = one.result;
            progress_.show(fmt::format("{} {}", row_key(result), result.variant));
            if (missing.empty()) {
                guarded(result, [&] { return one.run(session_, options_.seed + i, result); });
            } else {
                result.status = Status::unsupported;
                result.reason = fmt::format("the device lacks {}", fmt::join(missing, ", "));
            }
            add(std::move(result), tally);
            if (!missing.empty()) break;
        }
        show(group, tally, seconds_since(start));
    }

    void add(CaseResult result, Tally& tally) {
        tally.add(result);
        total_.add(result);
        if (result.status == Status::fail)
            print(fmt::format("FAIL {}, {}: {}\n", row_key(result), result.variant, result.reason));
        results_.push_back(std::move(result));
    }

    void show(const VerifyGroup& group, const Tally& tally, double took) {
        if (tally.pass + tally.fail + tally.unsupported == 0) return;
        std::string unsupported;
        if (tally.unsupported > 0)
            unsupported = fmt::format("{} case(s): {}", tally.unsupported, tally.reason);
        std::string line =
            fmt::format("{:<9}  {:<6}  {:<16}  {:>5}  {:>5}  {:>11}  {:>6.1f} s  {}", op_name(group.op),
                        group.format, group.kernel, tally.pass, tally.fail,
                        tally.worst ? fmt::format("{:.3g}", *tally.worst) : "-", took, unsupported);
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
    VerifyRequest wanted_;
    Session session_;
    Environment environment_;
    std::vector<CaseResult> results_;
    Tally total_;
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
