// `tuff plan`: what of a model fits where, and how fast it can be.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "backend/plan/memory_plan.hpp"
#include "bench/session.hpp"

namespace CLI {
class App;
}

namespace tuff::tools {

struct PlanCommand {
    std::string model, config, preset;  // one of them: a GGUF file, a config.json, a name
    std::string weights;                // empty: as in the file; without a file q4_k_m
    bool with_imatrix = false;          // `weights` are made with an importance matrix
    std::uint64_t context = 4096;
    std::uint64_t sequences = 1;
    std::uint64_t ubatch = 512;
    std::string cache_k = "f16", cache_v = "f16";
    bool no_key_guard = false;  // formats of few bits also for keys with a bias
    std::string flash_attention = "on";
    std::string budget;  // bytes of device memory; empty: what the device has left
    std::string margin = "0";
    bench::SessionOptions session;
    bool no_measure = false;
    DeviceRates rates;  // given ones; 0: measured where there is a device
    bool advise = false;
    std::string json;  // empty: none; "-": standard output, instead of the text
};

// The exit code; errors as plan_memory, and those of reading the model and of opening the device.
Result<int> run_plan(const PlanCommand& command);

void add_plan(CLI::App& app, std::function<int()>& action);

}  // namespace tuff::tools
