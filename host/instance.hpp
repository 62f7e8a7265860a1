// The Vulkan instance: opens the loader at run time and takes a snapshot of every device it finds.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "host/snapshot.hpp"

namespace tuff::host {

struct InstanceCore;  // private

struct InstanceOptions {
    std::string application = "tuff";
    // Turns on the Khronos validation layer, core and synchronization checks; `unsupported` where it is
    // missing. A layer that the environment turns on is heard as well, without this.
    bool validation = false;
};

// Movable handle; devices opened from it keep what they need alive, so it may go before them.
class Instance {
  public:
    // no_loader: there is no libvulkan.so.1. no_device: no driver answered. Both messages say how to get one.
    static Result<Instance> open(const InstanceOptions& options = {});

    // One per device, in the driver's order, usable or not (why_unusable). Valid as long as this object.
    [[nodiscard]] std::span<const DeviceSnapshot> snapshots() const;

    // Warnings and errors validation has reported since open(); they also go to the log.
    [[nodiscard]] std::uint64_t validation_messages() const;

    [[nodiscard]] const std::shared_ptr<InstanceCore>& core() const { return core_; }

  private:
    explicit Instance(std::shared_ptr<InstanceCore> core) : core_(std::move(core)) {}
    std::shared_ptr<InstanceCore> core_;
};

}  // namespace tuff::host
