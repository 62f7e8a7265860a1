// How fast a model can go: the least time a token takes by what it has to move and to compute, at rates that
// were measured on the device.
#pragma once

#include <cstdint>
#include <string_view>

namespace tuff {

// 0: not known.
struct DeviceRates {
    double memory_gbps = 0;  // 10^9 bytes a second of device memory
    double bus_gbps = 0;     // from host memory to the device
    double gflops = 0;       // of float32; a multiply-add is two

    [[nodiscard]] bool known() const { return memory_gbps > 0 && gflops > 0; }
};

// What one step (a token of every sequence, or a batch of a prompt) asks of a device.
struct StepWork {
    std::uint64_t tokens = 0;
    double device_bytes = 0;  // read from device memory; what was streamed there is written and read again
    double bus_bytes = 0;
    double flops = 0;
};

enum class SpeedLimit : std::uint8_t { none, memory, bus, arithmetic };
[[nodiscard]] std::string_view speed_limit_name(SpeedLimit limit);  // "memory bandwidth"

struct Speed {
    double tokens_per_second = 0;
    SpeedLimit limit = SpeedLimit::none;  // what takes longest; the others overlap with it
};

// tokens_per_second 0 where a rate that it needs is not known.
[[nodiscard]] Speed predict(const StepWork& work, const DeviceRates& rates);

}  // namespace tuff
