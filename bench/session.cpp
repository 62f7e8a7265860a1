#include "bench/session.hpp"

#include <fmt/ranges.h>
#include <tuff/log.hpp>

#include <utility>

#include "host/bytes.hpp"
#include "host/caps.hpp"
#include "host/placement.hpp"
#include "host/quirks.hpp"
#include "host/shader_compiler.hpp"

namespace tuff::bench {
namespace {

void log_choice(std::span<const host::DeviceSnapshot> devices, const host::Choice& choice) {
    log(LogLevel::info, "chose device {}, {}: {}", choice.index, devices[choice.index].name, choice.why);
    for (const auto& other : choice.passed_over)
        log(LogLevel::info, "passed over device {}: {}: {}", other.index, devices[other.index].name,
            other.why);
}

void log_device(const host::DeviceSnapshot& device) {
    std::vector<std::string_view> features;
    for (std::size_t i = 0; i < host::kFeatureCount; i++)
        if (const auto feature = static_cast<host::Feature>(i); device.has(feature))
            features.push_back(feature_name(feature));
    log(LogLevel::info, "features used: {}", fmt::join(features, " "));
    log(LogLevel::info,
        "subgroups of {} ({} to {}), {} invocations a workgroup, {} of shared memory, memory {}",
        device.subgroup.size, device.subgroup.min_size, device.subgroup.max_size,
        device.limits.max_workgroup_invocations, host::bytes_text(device.limits.shared_memory_bytes),
        host::unified(device) ? "unified" : "discrete");
}

}  // namespace

Result<Session> Session::open(const SessionOptions& options) {
    host::InstanceOptions instance_options;
    instance_options.validation = options.validation;
    TUFF_TRY(instance, host::Instance::open(instance_options));
    TUFF_TRY(choice, host::choose_device(instance.snapshots(), options.device));
    log_choice(instance.snapshots(), choice);
    host::DeviceSnapshot snapshot = instance.snapshots()[choice.index];
    if (!options.caps.empty()) {
        TUFF_TRY(lowered, host::lower_from_file(snapshot, options.caps));
        snapshot = std::move(lowered);
        log(LogLevel::info, "lowered by {}", options.caps.string());
    }
    log_device(snapshot);
    if (const std::string note = host::driver_note(snapshot); !note.empty())
        log(LogLevel::warning, "{}", note);
    host::DeviceOptions device_options;
    if (!options.shaders.empty()) {
        TUFF_TRY(compile, host::make_shader_compiler(options.shaders));
        device_options.compile = std::move(compile);
        log(LogLevel::info, "kernels are compiled from {}", options.shaders.string());
    }
    TUFF_TRY(device,
             host::Device::open(instance, choice.index, std::move(snapshot), std::move(device_options)));
    return Session(std::move(instance), std::move(device), choice.why, !options.caps.empty());
}

std::uint64_t Session::free_bytes() const {
    const auto candidates = host::placement(snapshot(), host::Intent::weights);
    if (candidates.empty()) return 0;
    const std::uint32_t heap = snapshot().memory_types[candidates.front().type].heap;
    return device_->heap_use()[heap].free_bytes;
}

Result<void> Session::check_validation() const {
    const std::uint64_t messages = instance_.validation_messages();
    if (messages > 0) return fail(ErrorCode::internal, "validation reported {} message(s)", messages);
    return {};
}

std::string kind_text(const host::DeviceSnapshot& device) {
    return host::software(device) ? "software" : std::string(host::device_type_name(device.type));
}

std::string software_note(const host::DeviceSnapshot& device) {
    if (!host::software(device)) return "";
    return fmt::format(
        "{} is a software device: it computes on the CPU, and its figures say nothing about a GPU. With a "
        "GPU in this machine, install its Vulkan driver (mesa-vulkan-drivers, or NVIDIA's).",
        device.name);
}

}  // namespace tuff::bench
