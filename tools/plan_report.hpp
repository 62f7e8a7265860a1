// What `tuff plan` says, for people and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backend/model/model.hpp"
#include "backend/plan/advise.hpp"
#include "backend/plan/memory_plan.hpp"

namespace tuff::tools {

struct PlanReport {
    const Model* model = nullptr;
    std::string weights;          // "q4_k_m", or "as in the file"
    std::string device;           // "llvmpipe (...), memory unified", or that there is none
    std::string layout;           // of weights on it
    bool in_host_memory = false;  // the device's memory is the host's: nothing needs to be brought there
    MemoryPlanOptions options;
    MemoryPlan plan;
    std::optional<Advice> advice;
    std::vector<std::string> notes;
};

[[nodiscard]] std::string plan_text(const PlanReport& report);
// "3 slots of 61.8 MiB", "48 slots of 2.1 MiB for experts", or both.
[[nodiscard]] std::string slots_text(const Residency& residency);
[[nodiscard]] std::string plan_json(const PlanReport& report);

}  // namespace tuff::tools
