#include "bench/bench.hpp"

#include <fmt/format.h>
#include <tuff/log.hpp>

#include <cstdio>
#include <optional>
#include <utility>

#include "backend/text_output.hpp"
#include "bench/attention_measure.hpp"
#include "bench/compare.hpp"
#include "bench/expert_measure.hpp"
#include "bench/kv_error.hpp"
#include "bench/listing.hpp"
#include "bench/measure.hpp"
#include "bench/progress.hpp"
#include "bench/report.hpp"
#include "bench/roof.hpp"
#include "bench/rotation.hpp"
#include "bench/rows_measure.hpp"
#include "bench/statistics.hpp"
#include "bench/transfers.hpp"

namespace tuff::bench {
namespace {

// Everything that is known before a device is opened.
struct Prepared {
    std::optional<MatmulAlgorithm> algorithm;
    std::optional<SavedRun> old;
    std::optional<GgufFile> model;

    [[nodiscard]] const GgufFile* file() const { return model ? &*model : nullptr; }
};

Result<Prepared> prepare(const BenchOptions& options) {
    if (options.json == "-" && options.csv == "-")
        return fail(ErrorCode::usage, "--json - and --csv - both want standard output");
    if (options.markdown && (options.json == "-" || options.csv == "-"))
        return fail(ErrorCode::usage, "--md and {} - both want standard output",
                    options.json == "-" ? "--json" : "--csv");
    for (const std::string& target : {options.json, options.csv}) TUFF_CHECK(check_target(target));
    Prepared prepared;
    if (!options.algorithm.empty()) {
        TUFF_TRY(algorithms, parse_algorithms(options.algorithm));
        if (algorithms.size() > 1) return fail(ErrorCode::usage, "--algorithm takes one name here");
        prepared.algorithm = algorithms.front();
    }
    if (!options.compare.empty()) {
        TUFF_TRY(old, load_run(options.compare));
        prepared.old = std::move(old);
    }
    if (!options.selection.model.empty()) {
        TUFF_TRY(file, GgufFile::open(options.selection.model));
        prepared.model = std::move(file);
    }
    return prepared;
}

Result<int> list(const BenchOptions& options, const Prepared& prepared) {
    auto session = Session::open(options.session);
    const host::DeviceSnapshot* device = session ? &session->snapshot() : nullptr;
    if (!session && session.error().code != ErrorCode::no_loader &&
        session.error().code != ErrorCode::no_device)
        return pass(std::move(session));
    TUFF_TRY(selection, select_cases(options.selection, prepared.file(),
                                     device ? default_sizes(*device) : DefaultSizes{}));
    std::string text =
        device ? fmt::format("for {}\n\n", device->name) : fmt::format("{}\n\n", session.error().message);
    text += list_cases(selection, device, prepared.algorithm) + "\n" + list_kernels(device);
    TUFF_CHECK(write_text("-", text));
    return 0;
}

class Run {
  public:
    Run(const BenchOptions& options, Prepared prepared, Session session)
        : options_(options), prepared_(std::move(prepared)), session_(std::move(session)) {}

    Result<int> run() {
        TUFF_TRY(selection,
                 select_cases(options_.selection, prepared_.file(), default_sizes(session_.snapshot())));
        TUFF_CHECK(check_plans(selection));
        environment_.device = session_.snapshot();
        environment_.why_device = session_.why();
        environment_.lowered = session_.lowered();
        environment_.rotation =
            choose_rotation(session_.snapshot(), session_.free_bytes(), cpu_cache_bytes());
        environment_.seed = options_.seed;
        environment_.command_line = options_.command_line;

        Result<void> measured = measure_all(selection);
        progress_.clear();
        // A device lost half way does not take the rows before along.
        TUFF_CHECK(write_reports());
        TUFF_CHECK(std::move(measured));
        TUFF_TRY(slower, compare());
        if (const std::string note = software_note(session_.snapshot()); !note.empty() && !options_.markdown)
            print(fmt::format("\n{}\n", note));
        TUFF_CHECK(session_.check_validation());
        return failed_ || slower ? 1 : 0;
    }

  private:
    // Impossible sizes are told before anything runs. A preset's or a file's tensors are rows of their own.
    Result<void> check_plans(const Selection& selection) const {
        for (const BenchCase& one : selection.products) {
            if (!one.label.empty() || !one.unsupported.empty()) continue;
            if (auto plan = plan_case(session_.snapshot(), one, prepared_.algorithm);
                !plan && plan.error().code == ErrorCode::usage)
                return pass(std::move(plan));
        }
        return {};
    }

    Result<void> measure_all(const Selection& selection) {
        print(device_line(environment_));
        const bool as_rows = selection.has(Op::copy) || selection.has(Op::fma);
        if (as_rows) print(fmt::format("\n{}", table_head(style())));
        progress_.show("measuring the roof of memory");
        TUFF_TRY(memory,
                 measure_memory(session_, environment_.rotation.bytes, options_.timing, environment_.roofs));
        if (selection.has(Op::copy))
            for (CaseResult& row : memory) add(std::move(row));
        progress_.show("measuring the roof of arithmetic");
        TUFF_TRY(fma, measure_fma(session_, options_.timing, environment_.roofs));
        if (selection.has(Op::fma)) add(std::move(fma));
        if (selection.has(Op::transfer)) TUFF_CHECK(measure_all_transfers(as_rows));
        if (!as_rows && !selection.has(Op::transfer))
            print(fmt::format("{}\n{}", roof_line(environment_.roofs), table_head(style())));
        const MeasureOptions measuring{options_.timing, environment_.rotation.bytes, options_.seed,
                                       prepared_.algorithm};
        std::size_t number = 0;
        for (const BenchCase& one : selection.products) {
            progress_.show(fmt::format("[{}/{}] {} {} {} {}", ++number, selection.products.size(),
                                       op_name(one.op), one.format ? one.format->name : "",
                                       shape_text(one.shape), one.label));
            TUFF_TRY(result, measure_product(session_, one, prepared_.file(), measuring));
            rate(result, environment_.roofs);
            add(std::move(result));
        }
        TUFF_CHECK(measure_each(selection.experts, measure_experts, measuring));
        TUFF_CHECK(measure_each(selection.rows, measure_rows, measuring));
        return selection.has(Op::attention) ? measure_attentions(measuring) : Result<void>();
    }

    // Cases that describe themselves.
    template <class Case, class Measure>
    Result<void> measure_each(const std::vector<Case>& cases, const Measure& measure,
                              const MeasureOptions& measuring) {
        std::size_t number = 0;
        for (const Case& one : cases) {
            progress_.show(fmt::format("[{}/{}] {}", ++number, cases.size(), row_key(one.describe())));
            TUFF_TRY(result, measure(session_, one, measuring));
            rate(result, environment_.roofs);
            add(std::move(result));
        }
        return {};
    }

    Result<void> measure_attentions(const MeasureOptions& measuring) {
        TUFF_TRY(cases, select_attention(options_.attention, options_.selection.preset,
                                         preferred_cache_kind(session_.snapshot())));
        double f16_us = 0;  // of the last shape measured with it
        for (std::size_t i = 0; i < cases.size(); i++) {
            progress_.show(fmt::format("[{}/{}] attention {} {}", i + 1, cases.size(), cases[i].format_text(),
                                       cases[i].text()));
            TUFF_TRY(result, measure_attention(session_, cases[i], measuring));
            rate(result, environment_.roofs);
            const double us = summarize(result.samples_us).median;
            if (cases[i].exact())
                f16_us = us;
            else if (f16_us > 0 && us > 0)
                result.times_f16 = f16_us / us;
            add(std::move(result));
        }
        return {};
    }

    Result<void> measure_all_transfers(bool head_printed) {
        if (!head_printed) print(fmt::format("{}\n{}", roof_line(environment_.roofs), table_head(style())));
        progress_.show("measuring transfers");
        TUFF_TRY(rows, measure_transfers(session_, transfer_bytes(session_), options_.timing));
        for (CaseResult& row : rows) add(std::move(row));
        return {};
    }

    void add(CaseResult result) {
        failed_ = failed_ || result.status == Status::fail;
        print(table_row(result, style()));
        results_.push_back(std::move(result));
    }

    Result<void> write_reports() const {
        if (!options_.json.empty()) TUFF_CHECK(write_text(options_.json, bench_json(environment_, results_)));
        if (!options_.csv.empty()) TUFF_CHECK(write_text(options_.csv, bench_csv(results_)));
        return {};
    }

    // Whether something became slower.
    Result<bool> compare() {
        if (!prepared_.old) return false;
        if (prepared_.old->device != environment_.device.name)
            return fail(ErrorCode::unsupported, "{} was measured on {}, this run on {}: nothing to compare",
                        options_.compare, prepared_.old->device, environment_.device.name);
        const Comparison comparison =
            compare_runs(*prepared_.old, environment_.roofs, results_, options_.least_effect);
        if (comparison.matched == 0)
            return fail(ErrorCode::unsupported, "{} has no row of this run: nothing to compare",
                        options_.compare);
        print(fmt::format("\ncompared with {}\n{}", options_.compare, comparison_text(comparison)));
        if (quiet()) fmt::print(stderr, "{}", comparison_text(comparison));
        return comparison.slower > 0;
    }

    // Standard output belongs to a report.
    [[nodiscard]] bool quiet() const { return options_.json == "-" || options_.csv == "-"; }
    [[nodiscard]] TableStyle style() const {
        return options_.markdown ? TableStyle::markdown : TableStyle::text;
    }

    void print(const std::string& text) {
        progress_.clear();
        if (quiet()) return;
        std::fwrite(text.data(), 1, text.size(), stdout);
        std::fflush(stdout);
    }

    const BenchOptions& options_;
    Prepared prepared_;
    Session session_;
    Environment environment_;
    std::vector<CaseResult> results_;
    Progress progress_;
    bool failed_ = false;
};

}  // namespace

Result<int> run_bench(const BenchOptions& options) {
    if (options.selection.ops.find("kv-error") != std::string::npos) return run_kv_error(options);
    TUFF_TRY(prepared, prepare(options));
    if (options.list) return list(options, prepared);
    // What is wrong with the request is told even where there is no device.
    TUFF_TRY(selection, select_cases(options.selection, prepared.file(), {}));
    if (options.attention.given() && !selection.has(Op::attention))
        return fail(ErrorCode::usage, "sizes and formats of a cache are for --op attention");
    if (selection.has(Op::attention))
        TUFF_CHECK(select_attention(options.attention, options.selection.preset, {}));
    TUFF_TRY(session, Session::open(options.session));
    Run run(options, std::move(prepared), std::move(session));
    return run.run();
}

}  // namespace tuff::bench
