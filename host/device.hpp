// An open device: memory, pipelines and one queue, used through tuff::host::Buffer, Pipeline, Stream and
// transfer.hpp.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "host/instance.hpp"
#include "host/memory.hpp"
#include "host/pipeline.hpp"
#include "host/queue.hpp"
#include "host/snapshot.hpp"
#include "shaders/table.hpp"

namespace tuff::host {

struct DeviceCore;     // private
struct DispatchTable;  // host/dispatch.hpp

struct DeviceOptions {
    // Used instead of the embedded SPIR-V when set; see host/shader_compiler.hpp.
    std::function<Result<std::vector<std::uint32_t>>(const shaders::Kernel&)> compile = {};
    // May replace entries of the device's function table once they are loaded; see host/fault.hpp.
    std::function<void(DispatchTable&)> dispatch_hook = {};
    // Never writes buffers in place, even where the host sees their memory: for testing the staging path.
    bool force_staging = false;
    // Where compiled pipelines are kept between runs. Empty: the user's cache directory.
    bool pipeline_cache = true;
    std::filesystem::path pipeline_cache_directory = {};
};

// Safe to use from several threads, except that a Buffer or Stream belongs to one thread at a time. After a
// device_lost error every further call that needs the device returns device_lost.
class Device {
  public:
    // `index` into instance.snapshots(); `lowered` is that snapshot or one lowered from it, and only what it
    // names is enabled. unsupported: why_unusable(lowered) is not empty.
    static Result<std::unique_ptr<Device>> open(const Instance& instance, std::size_t index,
                                                DeviceSnapshot lowered, DeviceOptions options = {});
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    ~Device();  // waits for submitted work and writes the pipeline cache

    [[nodiscard]] const DeviceSnapshot& snapshot() const;

    // Memory for `bytes` bytes (0 is allowed) plus kTailBytes, from the first placement candidate with room;
    // contents undefined. `label` appears in messages and captures. out_of_device_memory: names the request,
    // the label and what each heap has left; the device stays usable.
    Result<Buffer> allocate(Intent intent, std::uint64_t bytes, std::string_view label);

    // One per heap of the snapshot.
    [[nodiscard]] std::vector<HeapUse> heap_use() const;

    // The kernel with specialization constants 0..n-1 set to `specialization`; compiled at first use, owned
    // by the device, valid as long as it. unsupported: the device lacks what missing_needs() lists. compile:
    // the driver or the run-time compiler refused the source.
    Result<const Pipeline*> pipeline(const shaders::Kernel& kernel,
                                     std::span<const std::uint32_t> specialization);

    // The address of `data` on the device, uploaded at the first call with this name; later calls with it
    // bring the same data. For small tables that kernels read. Valid as long as the device. Errors as
    // allocate, and device_lost.
    Result<std::uint64_t> constant(std::string_view name, std::span<const std::byte> data);

    // Blocks until everything submitted is done.
    Result<void> wait_idle();

    // Blocks until a moment is over, or says whether it is.
    Result<void> wait(const Moment& moment);
    Result<bool> reached(const Moment& moment);

    // Whether Queue::transfer is a queue of its own.
    [[nodiscard]] bool has_transfer_queue() const;

    [[nodiscard]] bool lost() const;

    [[nodiscard]] const std::shared_ptr<DeviceCore>& core() const { return core_; }

  private:
    explicit Device(std::shared_ptr<DeviceCore> core);
    std::shared_ptr<DeviceCore> core_;
};

}  // namespace tuff::host
