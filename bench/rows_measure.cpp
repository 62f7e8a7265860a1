#include "bench/rows_measure.hpp"

#include <utility>

#include "bench/problem_run.hpp"

namespace tuff::bench {
namespace {

constexpr std::uint64_t kReferenceElements = 2'000'000;

Result<void> verify_rows(Session& session, const RowsCase& one, std::uint64_t seed, CaseResult& result) {
    TUFF_TRY(problem, RowsProblem::create(session, one, seed, 0));
    result.variant = problem.describe();
    TUFF_CHECK(run_once(session, problem));
    TUFF_TRY(check, problem.check(0, kReferenceElements));
    return accept(check, result);
}

// A line of the table; nothing where there is no such op.
void add_group(std::vector<VerifyGroup>& groups, const VerifyRequest& request,
               const host::DeviceSnapshot& device, Op op, const TypeInfo& listed, Layout layout) {
    VerifyGroup group;
    group.op = op;
    group.format = listed.name;
    for (const RowsCase& one : verify_rows_cases(op, listed, layout, request.quick)) {
        if (const auto plan = plan_rows(device, one); plan && group.needs.empty()) {
            group.needs = kernel_of(*plan);
            group.kernel = group.needs.substr(0, group.needs.find('.'));
        }
        CaseResult result = one.describe();
        result.variant = group.kernel;
        group.cases.push_back(
            {std::move(result), [one](Session& session, std::uint64_t seed, CaseResult& found) {
                 return verify_rows(session, one, seed, found);
             }});
    }
    groups.push_back(std::move(group));
}

}  // namespace

Result<CaseResult> measure_rows(Session& session, const RowsCase& one, const MeasureOptions& options) {
    return measured(session, one.describe(), [&](CaseResult& result) -> Result<void> {
        TUFF_TRY(problem, RowsProblem::create(session, one, options.seed, options.rotation_bytes));
        result.variant = problem.describe();
        result.bytes = problem.moved_bytes();
        TUFF_TRY(timing, time_problem(session, problem, options.timing, result));
        TUFF_TRY(check, problem.check(timing.last_set, kReferenceElements));
        return accept(check, result);
    });
}

std::vector<VerifyGroup> rows_groups(const VerifyRequest& request, const host::DeviceSnapshot& device) {
    std::vector<VerifyGroup> groups;
    if (request.op(Op::get_rows))
        for (const Format* format : request.formats)
            for (const Layout layout : {Layout::lanes, Layout::planes, Layout::blocks})
                add_group(groups, request, device, Op::get_rows, format->type(), layout);
    if (request.op(Op::convert))
        for (const Format* format : request.formats)
            add_group(groups, request, device, Op::convert, format->type(), Layout::blocks);
    if (request.op(Op::quantize))
        for (const TypeInfo* type : quantized_types())
            // q8_1 is no format of weights: whoever names formats leaves it out.
            if (const Format* format = find_format(type->id);
                format ? std::ranges::find(request.formats, format) != request.formats.end()
                       : request.formats.size() == formats().size())
                add_group(groups, request, device, Op::quantize, *type, Layout::blocks);
    return groups;
}

}  // namespace tuff::bench
