#include "bench/listing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bench/measure.hpp"
#include "host/pipeline.hpp"
#include "shaders/table.hpp"

namespace tuff::bench {
namespace {

std::string variant_of(const BenchCase& one, const host::DeviceSnapshot* device,
                       const std::optional<MatmulAlgorithm>& algorithm) {
    if (!one.unsupported.empty()) return fmt::format("unsupported: {}", one.unsupported);
    if (!device) return "";
    const auto plan = plan_case(*device, one, algorithm);
    return plan ? plan->describe() : fmt::format("unsupported: {}", plan.error().message);
}

}  // namespace

std::string list_cases(const Selection& selection, const host::DeviceSnapshot* device,
                       const std::optional<MatmulAlgorithm>& algorithm) {
    std::string text = "cases\n";
    for (const Op op : {Op::copy, Op::fma, Op::transfer})
        if (selection.has(op)) text += fmt::format("  {}\n", op_name(op));
    for (const BenchCase& one : selection.products) {
        std::string line = fmt::format("  {:<8}  {:<6}  {:<17}  {:<40}  {}", op_name(one.op),
                                       one.format ? one.format->name : "-", shape_text(one.shape),
                                       variant_of(one, device, algorithm), one.label);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    for (const ExpertCase& one : selection.experts) {
        std::string variant;
        if (device) {
            const auto plan = plan_experts(*device, one);
            variant = plan ? plan->describe() : fmt::format("unsupported: {}", plan.error().message);
        }
        text += fmt::format("  {:<8}  {:<6}  {:<17}  {}\n", op_name(Op::matmul_id), one.format->name,
                            one.text(), variant);
    }
    for (const RowsCase& one : selection.rows) {
        const CaseResult row = one.describe();
        std::string variant;
        if (device) {
            const auto plan = plan_rows(*device, one);
            variant = plan ? kernel_of(*plan) : fmt::format("unsupported: {}", plan.error().message);
        }
        text += fmt::format("  {:<8}  {:<6}  {:<17}  {:<40}  {}\n", op_name(row.op), row.formats, row.sizes,
                            variant, row.label);
    }
    return text;
}

std::string list_kernels(const host::DeviceSnapshot* device) {
    std::string text = "kernels\n";
    for (const shaders::Kernel& kernel : shaders::kernels()) {
        std::string needs = fmt::format("{}", fmt::join(kernel.needs, " "));
        if (kernel.subgroup_size != 0)
            needs += fmt::format("{}subgroups of {}", needs.empty() ? "" : ", ", kernel.subgroup_size);
        std::string runs;
        if (device) {
            const auto missing = host::missing_needs(*device, kernel);
            runs = missing.empty() ? "runs here" : fmt::format("lacks {}", fmt::join(missing, ", "));
        }
        std::string line = fmt::format("  {:<24}  {:<60}  {}", kernel.name,
                                       needs.empty() ? "needs nothing" : "needs " + needs, runs);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace tuff::bench
