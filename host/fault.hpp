// Makes a device fail on purpose, so that tests see what happens when memory runs out or the device is lost.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace tuff::host {

struct DispatchTable;

// Counts and spoils the calls of every device opened with its hook. May be destroyed before those devices:
// they go on with the failures last asked for.
class FaultInjector {
  public:
    static constexpr std::uint64_t kForever = ~std::uint64_t{0};

    FaultInjector();

    // For DeviceOptions::dispatch_hook.
    [[nodiscard]] std::function<void(DispatchTable&)> hook() const;

    // Of the allocations of device memory from now on, number `nth` (from 1) and the `count` - 1 after it
    // fail with out of device memory. One failure alone may go unseen: the allocator then tries a smaller
    // block.
    void fail_allocations(std::uint64_t nth, std::uint64_t count = kForever);

    // The same of mappings of device memory, which fail with VK_ERROR_MEMORY_MAP_FAILED.
    void fail_maps(std::uint64_t nth, std::uint64_t count = kForever);

    // Of the submissions from now on, number `nth` (from 1) loses the device. It stays lost.
    void lose_device_at_submit(std::uint64_t nth);

    // Calls seen since the last of the above, failed ones included.
    [[nodiscard]] std::uint64_t allocations() const;
    [[nodiscard]] std::uint64_t maps() const;
    [[nodiscard]] std::uint64_t submits() const;

    struct State;  // private

  private:
    std::shared_ptr<State> state_;
};

}  // namespace tuff::host
