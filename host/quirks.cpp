#include "host/quirks.hpp"

#include <fmt/format.h>
#include <tuff/log.hpp>

#include "host/vk.hpp"

namespace tuff::host {

void apply_quirks(std::uint32_t driver_id, DeviceSnapshot& snapshot) {
    // Mesa's lavapipe loads addresses that are uniform over the subgroup as scalars once its compiler treats
    // loop counters as uniform. Measured (docs/results/lavapipe.md): 26.1.6 does; 22.3.6 turns the same code
    // into one gather per load, more than a hundred times slower, and takes half a minute to compile it.
    // Versions between were not tried and are taken for old.
    if (driver_id == VK_DRIVER_ID_MESA_LLVMPIPE)
        snapshot.features.set(Feature::uniform_loads, VK_API_VERSION_MAJOR(snapshot.driver_version) >= 26 &&
                                                          snapshot.subgroup.size == 8);
}

void settle_threads(const DeviceSnapshot& snapshot, const WorkerThreads& threads) {
    // Mesa 22.3.6 and 26.1.6; the latter starts its threads when a device is opened. See
    // host/worker_threads.hpp.
    if (snapshot.driver_name != "llvmpipe") return;
    if (const std::size_t bound = threads.bind_lavapipe(); bound > 0)
        log(LogLevel::info, "the driver's {} worker threads are bound to a processor each", bound);
}

std::string driver_note(const DeviceSnapshot& snapshot) {
    if (snapshot.driver_name == "llvmpipe" && !snapshot.has(Feature::uniform_loads))
        return fmt::format(
            "{} runs the kernels meant for hardware: those for software devices need Mesa 26 or newer, "
            "where they are many times faster",
            snapshot.driver_info);
    return "";
}

}  // namespace tuff::host
