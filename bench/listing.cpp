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
    if (selection.copy) text += "  copy\n";
    if (selection.fma) text += "  fma\n";
    if (selection.transfer) text += "  transfer\n";
    for (const BenchCase& one : selection.products) {
        std::string line = fmt::format("  {:<6}  {:<6}  {:<17}  {:<40}  {}", op_name(one.op),
                                       one.format ? one.format->name : "-", shape_text(one.shape),
                                       variant_of(one, device, algorithm), one.label);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
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
