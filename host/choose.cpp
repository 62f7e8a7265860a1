#include "host/choose.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "host/bytes.hpp"

namespace tuff::host {
namespace {

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

// "0: NVIDIA H100, 1: llvmpipe (LLVM 19)"
std::string list_of(std::span<const DeviceSnapshot> devices, std::span<const std::size_t> which) {
    std::vector<std::string> items;
    for (const std::size_t i : which) items.push_back(fmt::format("{}: {}", i, devices[i].name));
    return fmt::format("{}", fmt::join(items, ", "));
}

std::vector<std::size_t> all_of(std::span<const DeviceSnapshot> devices) {
    std::vector<std::size_t> all(devices.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
}

// DeviceType lists them in order of preference, except that an unnamed kind of device still beats software.
int rank(DeviceType type) {
    switch (type) {
        case DeviceType::discrete:
            return 0;
        case DeviceType::integrated:
            return 1;
        case DeviceType::virtual_:
            return 2;
        case DeviceType::other:
            return 3;
        case DeviceType::cpu:
            return 4;
    }
    return 5;
}

// The device a request names, usable or not.
Result<std::size_t> find_named(std::span<const DeviceSnapshot> devices, std::string_view request) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(request.data(), request.data() + request.size(), index);
    const bool number = error == std::errc() && end == request.data() + request.size();
    if (number && index < devices.size()) return index;

    std::vector<std::size_t> matches;
    const std::string wanted = lower_case(request);
    for (std::size_t i = 0; i < devices.size(); ++i) {
        const std::string name = lower_case(devices[i].name);
        if (name == wanted) return i;
        if (name.find(wanted) != std::string::npos) matches.push_back(i);
    }
    if (matches.size() == 1) return matches.front();
    if (matches.size() > 1) {
        return fail(ErrorCode::usage, "'{}' names several devices: {}", request, list_of(devices, matches));
    }
    return fail(ErrorCode::usage, "no device '{}'; there are: {}", request,
                list_of(devices, all_of(devices)));
}

Choice by_request(std::span<const DeviceSnapshot> devices, std::size_t chosen, std::string_view request) {
    Choice choice{chosen, fmt::format("asked for as '{}'", request), {}};
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (i != chosen) choice.passed_over.push_back({i, fmt::format("'{}' was asked for", request)});
    }
    return choice;
}

// Why `loser` comes after `winner`, both usable.
std::string why_after(const DeviceSnapshot& loser, const DeviceSnapshot& winner) {
    if (rank(loser.type) != rank(winner.type)) {
        return fmt::format("{}; {} is preferred", device_type_name(loser.type),
                           device_type_name(winner.type));
    }
    const std::uint64_t less = device_memory_bytes(loser);
    const std::uint64_t more = device_memory_bytes(winner);
    if (less != more) return fmt::format("{} of memory; another has {}", bytes_text(less), bytes_text(more));
    return "as good, but listed later";
}

}  // namespace

Result<Choice> choose_device(std::span<const DeviceSnapshot> devices, std::string_view request) {
    if (devices.empty()) return fail(ErrorCode::no_device, "there is no Vulkan device");
    if (!request.empty()) {
        TUFF_TRY(named, find_named(devices, request));
        if (const auto reasons = why_unusable(devices[named]); !reasons.empty()) {
            return fail(ErrorCode::unsupported, "{} cannot be used: {}", devices[named].name,
                        fmt::join(reasons, ", "));
        }
        return by_request(devices, named, request);
    }

    std::vector<std::size_t> usable;
    std::vector<std::string> refusals(devices.size());
    for (std::size_t i = 0; i < devices.size(); ++i) {
        refusals[i] = fmt::format("{}", fmt::join(why_unusable(devices[i]), ", "));
        if (refusals[i].empty()) usable.push_back(i);
    }
    if (usable.empty()) {
        std::vector<std::string> reasons;
        for (std::size_t i = 0; i < devices.size(); ++i) {
            reasons.push_back(fmt::format("{} ({})", devices[i].name, refusals[i]));
        }
        return fail(ErrorCode::no_device, "no device can be used: {}", fmt::join(reasons, "; "));
    }
    const std::size_t best = *std::ranges::min_element(usable, [&devices](std::size_t a, std::size_t b) {
        const int by_rank = rank(devices[a].type) - rank(devices[b].type);
        if (by_rank != 0) return by_rank < 0;
        return device_memory_bytes(devices[a]) > device_memory_bytes(devices[b]);
    });
    const DeviceSnapshot& winner = devices[best];
    Choice choice{best, "the only usable device", {}};
    if (usable.size() > 1) {
        choice.why = fmt::format("the best of {}: {}, {}", usable.size(), device_type_name(winner.type),
                                 bytes_text(device_memory_bytes(winner)));
    }
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (i == best) continue;
        choice.passed_over.push_back({i, refusals[i].empty() ? why_after(devices[i], winner) : refusals[i]});
    }
    return choice;
}

}  // namespace tuff::host
