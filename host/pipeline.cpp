#include "host/pipeline.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuff/log.hpp>

#include <algorithm>
#include <chrono>

#include "host/device_core.hpp"

namespace tuff::host {
namespace {

// The size a pipeline of this kernel is pinned to, or 0. A module of SPIR-V 1.6 lets the driver vary the size
// from dispatch to dispatch, so wherever it can be pinned it is, also for kernels that take any size.
std::uint32_t pinned_subgroup_size(const DeviceSnapshot& device, const shaders::Kernel& kernel) {
    if (!device.has(Feature::subgroup_size_control)) return 0;
    return kernel.subgroup_size != 0 ? kernel.subgroup_size : device.subgroup.size;
}

std::string statistic_value(const VkPipelineExecutableStatisticKHR& statistic) {
    switch (statistic.format) {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
            return statistic.value.b32 != 0 ? "yes" : "no";
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
            return fmt::format("{}", statistic.value.i64);
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
            return fmt::format("{}", statistic.value.u64);
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR:
            return fmt::format("{}", statistic.value.f64);
        default:
            return "?";
    }
}

// What the driver tells about a pipeline's first executable; drivers that fail to tell are taken at their
// word.
std::vector<PipelineStatistic> read_statistics(const DeviceCore& core, VkPipeline pipeline) {
    VkPipelineExecutableInfoKHR which{};
    which.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR;
    which.pipeline = pipeline;
    std::uint32_t count = 0;
    if (core.vk.vkGetPipelineExecutableStatisticsKHR(core.device, &which, &count, nullptr) != VK_SUCCESS)
        return {};
    VkPipelineExecutableStatisticKHR empty{};
    empty.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    std::vector<VkPipelineExecutableStatisticKHR> raw(count, empty);
    if (core.vk.vkGetPipelineExecutableStatisticsKHR(core.device, &which, &count, raw.data()) < 0) return {};
    raw.resize(count);
    std::vector<PipelineStatistic> statistics;
    for (const VkPipelineExecutableStatisticKHR& one : raw)
        statistics.push_back({one.name, statistic_value(one)});
    return statistics;
}

struct ShaderModule {
    DeviceCore& core;
    VkShaderModule handle = VK_NULL_HANDLE;
    explicit ShaderModule(DeviceCore& owner) : core(owner) {}
    ShaderModule(const ShaderModule&) = delete;
    ShaderModule& operator=(const ShaderModule&) = delete;
    ~ShaderModule() { core.vk.vkDestroyShaderModule(core.device, handle, nullptr); }
};

std::string describe(const shaders::Kernel& kernel, std::span<const std::uint32_t> specialization) {
    if (specialization.empty()) return std::string(kernel.name);
    return fmt::format("{}[{}]", kernel.name, fmt::join(specialization, ","));
}

Result<void> create_module(ShaderModule& out, const shaders::Kernel& kernel) {
    std::vector<std::uint32_t> compiled;
    std::span<const std::uint32_t> words = kernel.spirv;
    if (out.core.options.compile) {
        TUFF_TRY(fresh, out.core.options.compile(kernel));
        compiled = std::move(fresh);
        words = compiled;
    }
    constexpr std::uint32_t spirv_magic = 0x07230203;
    if (words.size() < 5 || words.front() != spirv_magic) {
        return fail(ErrorCode::internal, "kernel '{}' holds no SPIR-V", kernel.name);
    }
    VkShaderModuleCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
    info.codeSize = words.size_bytes();
    info.pCode = words.data();
    const VkResult result = out.core.vk.vkCreateShaderModule(out.core.device, &info, nullptr, &out.handle);
    if (result != VK_SUCCESS) return out.core.fail(result, "loading kernel '{}'", kernel.name);
    return {};
}

}  // namespace

// Makes one pipeline; a friend of Pipeline because it fills it.
struct PipelineBuilder {
    DeviceCore& core;
    const shaders::Kernel& kernel;
    std::span<const std::uint32_t> specialization;

    Result<std::unique_ptr<Pipeline>> build() const {
        const auto start = std::chrono::steady_clock::now();
        ShaderModule module(core);
        TUFF_CHECK(create_module(module, kernel));

        std::vector<VkSpecializationMapEntry> entries;
        for (std::uint32_t id = 0; id < specialization.size(); ++id) entries.push_back({id, id * 4, 4});
        VkSpecializationInfo constants{};
        constants.mapEntryCount = static_cast<std::uint32_t>(entries.size());
        constants.pMapEntries = entries.data();
        constants.dataSize = specialization.size_bytes();
        constants.pData = specialization.data();

        const std::uint32_t subgroup = pinned_subgroup_size(core.snapshot, kernel);
        VkPipelineShaderStageRequiredSubgroupSizeCreateInfo required{};
        required.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO;
        required.requiredSubgroupSize = subgroup;
        VkComputePipelineCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
        info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
        if (subgroup != 0) info.stage.pNext = &required;
        if (kernel.subgroup_size != 0 && core.snapshot.has(Feature::subgroup_full)) {
            info.stage.flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
        }
        info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
        info.stage.module = module.handle;
        info.stage.pName = "main";
        info.stage.pSpecializationInfo = &constants;
        info.layout = core.layout;
        const bool statistics = core.snapshot.has(Feature::pipeline_executable_info);
        if (statistics) info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
        VkPipeline handle = VK_NULL_HANDLE;
        const VkResult result =
            core.vk.vkCreateComputePipelines(core.device, core.pipeline_cache, 1, &info, nullptr, &handle);
        if (result != VK_SUCCESS) {
            auto failed = core.fail(result, "compiling kernel '{}'", describe(kernel, specialization));
            if (failed.error().code == ErrorCode::internal) failed.error().code = ErrorCode::compile;
            return failed;
        }
        core.name_object(VK_OBJECT_TYPE_PIPELINE, reinterpret_cast<std::uint64_t>(handle),
                         describe(kernel, specialization));
        auto pipeline = std::make_unique<Pipeline>();
        pipeline->name_ = kernel.name;
        pipeline->specialization_.assign(specialization.begin(), specialization.end());
        pipeline->subgroup_size_ = subgroup;
        pipeline->handle_ = reinterpret_cast<std::uint64_t>(handle);
        if (statistics) pipeline->statistics_ = read_statistics(core, handle);
        pipeline->compile_ms_ =
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        log(LogLevel::debug, "kernel {} compiled in {:.1f} ms", describe(kernel, specialization),
            pipeline->compile_ms_);
        return pipeline;
    }
};

std::vector<std::string> missing_needs(const DeviceSnapshot& device, const shaders::Kernel& kernel) {
    std::vector<std::string> missing;
    for (const std::string_view need : kernel.needs) {
        const std::optional<Feature> feature = parse_feature(need);
        if (!feature || !device.has(*feature)) missing.emplace_back(need);
    }
    const std::uint32_t wanted = kernel.subgroup_size;
    if (wanted != 0) {
        const Subgroup& has = device.subgroup;
        const bool control = device.has(Feature::subgroup_size_control);
        if (control && (wanted < has.min_size || wanted > has.max_size)) {
            missing.push_back(
                fmt::format("subgroup size {} (has {} to {})", wanted, has.min_size, has.max_size));
        } else if (!control && wanted != has.size) {
            missing.push_back(fmt::format("subgroup size {} (has {})", wanted, has.size));
        }
    }
    return missing;
}

Result<const Pipeline*> Device::pipeline(const shaders::Kernel& kernel,
                                         std::span<const std::uint32_t> specialization) {
    DeviceCore& core = *core_;
    TUFF_CHECK(core.check_alive());
    std::pair key(std::string(kernel.name),
                  std::vector<std::uint32_t>(specialization.begin(), specialization.end()));
    {
        const std::lock_guard lock(core.pipeline_mutex);
        const auto found = core.pipelines.find(key);
        if (found != core.pipelines.end()) return found->second.get();
    }
    if (const std::vector<std::string> missing = missing_needs(core.snapshot, kernel); !missing.empty()) {
        return fail(ErrorCode::unsupported, "kernel '{}' needs {}, which {} lacks", kernel.name,
                    fmt::join(missing, ", "), core.snapshot.name);
    }
    // Outside the lock, so that several threads compile several kernels at once.
    TUFF_TRY(built, (PipelineBuilder{core, kernel, specialization}.build()));
    const std::lock_guard lock(core.pipeline_mutex);
    const auto handle = reinterpret_cast<VkPipeline>(built->handle());
    const auto [at, inserted] = core.pipelines.try_emplace(std::move(key), std::move(built));
    if (!inserted) core.vk.vkDestroyPipeline(core.device, handle, nullptr);  // another thread was faster
    return at->second.get();
}

}  // namespace tuff::host
