#include "backend/plan/speed.hpp"

namespace tuff {

std::string_view speed_limit_name(SpeedLimit limit) {
    switch (limit) {
        case SpeedLimit::none:
            return "not known";
        case SpeedLimit::memory:
            return "memory bandwidth";
        case SpeedLimit::bus:
            return "the bus from host memory";
        case SpeedLimit::arithmetic:
            return "the multiply-add rate";
    }
    return "";
}

Speed predict(const StepWork& work, const DeviceRates& rates) {
    if (!rates.known() || (work.bus_bytes > 0 && rates.bus_gbps <= 0) || work.tokens == 0) return {};
    struct Part {
        double seconds;
        SpeedLimit limit;
    };
    const Part parts[] = {
        {(work.device_bytes + 2 * work.bus_bytes) / (rates.memory_gbps * 1e9), SpeedLimit::memory},
        {work.bus_bytes > 0 ? work.bus_bytes / (rates.bus_gbps * 1e9) : 0, SpeedLimit::bus},
        {work.flops / (rates.gflops * 1e9), SpeedLimit::arithmetic},
    };
    Part longest{0, SpeedLimit::none};
    for (const Part& part : parts)
        if (part.seconds > longest.seconds) longest = part;
    if (longest.seconds <= 0) return {};
    return {static_cast<double>(work.tokens) / longest.seconds, longest.limit};
}

}  // namespace tuff
