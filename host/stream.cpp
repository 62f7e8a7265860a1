#include "host/stream.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <variant>

#include "host/access.hpp"
#include "host/bytes.hpp"
#include "host/commands.hpp"
#include "host/device_core.hpp"

namespace tuff::host {
namespace {

// Commands are kept as data until finish(): only then is it known how many timestamps there are.
struct DispatchCommand {
    VkPipeline pipeline;
    std::size_t push_offset;  // into Impl::push
    std::uint32_t push_bytes;
    Groups groups;
    VkBuffer counts = VK_NULL_HANDLE;  // where the groups are read from instead
    std::uint64_t counts_offset = 0;
};
struct CopyCommand {
    VkBuffer from, to;
    VkBufferCopy region;
};
struct FillCommand {
    VkBuffer buffer;
    std::uint64_t offset, bytes;
    std::uint32_t word;
};
struct BarrierCommand {};
struct TimestampCommand {
    std::uint32_t index;
};
struct BeginLabelCommand {
    std::string text;
};
struct EndLabelCommand {};
using Command = std::variant<DispatchCommand, CopyCommand, FillCommand, BarrierCommand, TimestampCommand,
                             BeginLabelCommand, EndLabelCommand>;

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace

struct Stream::Impl {
    std::shared_ptr<DeviceCore> core;
    std::string name;
    Queue queue = Queue::compute;
    std::vector<Command> commands;
    std::vector<std::byte> push;
    AccessTracker tracker;
    std::size_t work = 0;
    std::size_t barriers = 0;
    std::uint32_t timestamps = 0;
    bool indirect = false;  // whether barriers order the reading of group counts as well
    bool finished = false;

    VkCommandPool pool = VK_NULL_HANDLE;
    VkCommandBuffer buffer = VK_NULL_HANDLE;
    VkQueryPool queries = VK_NULL_HANDLE;
    Moment last;  // the end of the last submission
    bool in_flight = false;

    ~Impl();
    Result<void> check_recording() const;
    Result<AccessTracker::Range> range(const Access& access) const;
    Result<void> check_dispatch(const Pipeline& pipeline, std::size_t push_bytes, Groups groups) const;
    Result<void> add_dispatch(DispatchCommand command, std::span<const std::byte> push,
                              std::span<const Access> accesses);
    void order(std::span<const AccessTracker::Range> ranges);
    void barrier();
    Result<void> record();
    void record_one(const Command& command);
};

Stream::Impl::~Impl() {
    // A lost device still has to let go of the commands; this returns in finite time.
    if (in_flight && !core->wait(last, name)) core->wait_idle();
    if (pool != VK_NULL_HANDLE) core->vk.vkDestroyCommandPool(core->device, pool, nullptr);
    if (queries != VK_NULL_HANDLE) core->vk.vkDestroyQueryPool(core->device, queries, nullptr);
}

Result<void> Stream::Impl::check_recording() const {
    if (!finished) return {};
    return fail(ErrorCode::usage, "stream '{}' is finished; nothing can be added", name);
}

Result<AccessTracker::Range> Stream::Impl::range(const Access& access) const {
    if (access.buffer == nullptr || !*access.buffer) {
        return fail(ErrorCode::usage, "stream '{}': a command names an empty buffer", name);
    }
    const Buffer& target = *access.buffer;
    const std::uint64_t bytes =
        access.bytes == Access::kWhole ? minus_saturating(target.size(), access.offset) : access.bytes;
    if (!within(access.offset, bytes, target.size())) {
        return fail(ErrorCode::usage, "stream '{}': {} bytes at {} do not lie within '{}' of {} bytes", name,
                    bytes, access.offset, target.label(), target.size());
    }
    const std::uint64_t begin = target.core_offset() + access.offset;
    return AccessTracker::Range{reinterpret_cast<std::uint64_t>(target.core()->buffer), begin, begin + bytes,
                                access.use != Access::Use::write, access.use != Access::Use::read};
}

void Stream::Impl::barrier() {
    if (tracker.empty()) return;
    commands.emplace_back(BarrierCommand{});
    ++barriers;
    tracker.clear();
}

void Stream::Impl::order(std::span<const AccessTracker::Range> ranges) {
    if (std::ranges::any_of(ranges, [this](const auto& one) { return tracker.conflicts(one); })) barrier();
    for (const AccessTracker::Range& one : ranges) tracker.add(one);
    ++work;
}

Stream::Stream(Device& device, std::string_view name, Queue queue) : impl_(std::make_unique<Impl>()) {
    impl_->core = device.core();
    impl_->name = name;
    impl_->queue = queue;
}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

Result<void> Stream::Impl::check_dispatch(const Pipeline& pipeline, std::size_t push_bytes,
                                          Groups groups) const {
    TUFF_CHECK(check_recording());
    if (push_bytes > kPushConstantBytes || push_bytes % 4 != 0) {
        return fail(ErrorCode::usage, "kernel '{}': {} bytes of push constants; at most {}, in words of 4",
                    pipeline.name(), push_bytes, kPushConstantBytes);
    }
    if (!core->snapshot.queue_families[core->on(queue).family].compute) {
        return fail(ErrorCode::usage, "kernel '{}': the {} queue of {} runs no kernels", pipeline.name(),
                    queue_name(queue), core->snapshot.name);
    }
    const auto& limit = core->snapshot.limits.max_workgroup_count;
    if (groups.x == 0 || groups.y == 0 || groups.z == 0 || groups.x > limit[0] || groups.y > limit[1] ||
        groups.z > limit[2]) {
        return fail(ErrorCode::usage, "kernel '{}': {} x {} x {} workgroups; {} takes 1 to {} x {} x {}",
                    pipeline.name(), groups.x, groups.y, groups.z, core->snapshot.name, limit[0], limit[1],
                    limit[2]);
    }
    return {};
}

Result<void> Stream::Impl::add_dispatch(DispatchCommand command, std::span<const std::byte> bytes,
                                        std::span<const Access> accesses) {
    std::vector<AccessTracker::Range> ranges;
    for (const Access& access : accesses) {
        TUFF_TRY(one, range(access));
        ranges.push_back(one);
    }
    order(ranges);
    command.push_offset = push.size();
    command.push_bytes = static_cast<std::uint32_t>(bytes.size());
    commands.emplace_back(command);
    push.insert(push.end(), bytes.begin(), bytes.end());
    return {};
}

Result<void> Stream::dispatch(const Pipeline& pipeline, std::span<const std::byte> push, Groups groups,
                              std::span<const Access> accesses) {
    TUFF_CHECK(impl_->check_dispatch(pipeline, push.size(), groups));
    return impl_->add_dispatch({reinterpret_cast<VkPipeline>(pipeline.handle()), 0, 0, groups}, push,
                               accesses);
}

Result<void> Stream::dispatch_indirect(const Pipeline& pipeline, std::span<const std::byte> push,
                                       const Buffer& counts, std::uint64_t offset, Groups most,
                                       std::span<const Access> accesses) {
    TUFF_CHECK(impl_->check_dispatch(pipeline, push.size(), most));
    const Access words = Access::read(counts, offset, sizeof(VkDispatchIndirectCommand));
    TUFF_TRY(at, impl_->range(words));
    if (offset % 4 != 0)
        return fail(ErrorCode::usage, "kernel '{}': group counts at byte {} of '{}', not a multiple of 4",
                    pipeline.name(), offset, counts.label());
    std::vector<Access> all(accesses.begin(), accesses.end());
    all.push_back(words);
    TUFF_CHECK(impl_->add_dispatch(
        {reinterpret_cast<VkPipeline>(pipeline.handle()), 0, 0, {}, counts.core()->buffer, at.begin}, push,
        all));
    impl_->indirect = true;
    return {};
}

Result<void> Stream::copy(const Buffer& from, std::uint64_t from_offset, Buffer& to, std::uint64_t to_offset,
                          std::uint64_t bytes) {
    Impl& self = *impl_;
    TUFF_CHECK(self.check_recording());
    TUFF_TRY(source, self.range(Access::read(from, from_offset, bytes)));
    TUFF_TRY(target, self.range(Access::write(to, to_offset, bytes)));
    if (source.buffer == target.buffer && source.begin < target.end && target.begin < source.end) {
        return fail(ErrorCode::usage, "stream '{}': a copy within '{}' overlaps itself", self.name,
                    from.label());
    }
    if (bytes == 0) return {};
    self.order(std::array{source, target});
    self.commands.emplace_back(
        CopyCommand{from.core()->buffer, to.core()->buffer, {source.begin, target.begin, bytes}});
    return {};
}

Result<void> Stream::fill(Buffer& buffer, std::uint64_t offset, std::uint64_t bytes, std::uint32_t word) {
    Impl& self = *impl_;
    TUFF_CHECK(self.check_recording());
    TUFF_TRY(target, self.range(Access::write(buffer, offset, bytes)));
    if (offset % 4 != 0 || bytes % 4 != 0) {
        return fail(ErrorCode::usage, "stream '{}': a fill of {} bytes at {} in '{}' is not in words of 4",
                    self.name, bytes, offset, buffer.label());
    }
    if (bytes == 0) return {};
    self.order(std::array{target});
    self.commands.emplace_back(FillCommand{buffer.core()->buffer, target.begin, bytes, word});
    return {};
}

Result<std::uint32_t> Stream::timestamp() {
    Impl& self = *impl_;
    TUFF_CHECK(self.check_recording());
    const DeviceSnapshot& device = self.core->snapshot;
    if (device.queue_families[self.core->on(self.queue).family].timestamp_valid_bits == 0 ||
        device.limits.timestamp_period_ns <= 0) {
        return fail(ErrorCode::unsupported, "{} has no timestamps on its {} queue", device.name,
                    queue_name(self.queue));
    }
    self.barrier();
    self.commands.emplace_back(TimestampCommand{self.timestamps});
    return self.timestamps++;
}

Stream::Label Stream::label(std::string_view text) {
    if (!impl_->finished) impl_->commands.emplace_back(BeginLabelCommand{std::string(text)});
    return Label(*this);
}

void Stream::end_label() {
    if (impl_ && !impl_->finished) impl_->commands.emplace_back(EndLabelCommand{});
}

void Stream::Impl::record_one(const Command& command) {
    DispatchTable& vk = core->vk;
    const bool labels = core->instance->debug_utils;
    std::visit(
        Overloaded{
            [&](const DispatchCommand& c) {
                vk.vkCmdBindPipeline(buffer, VK_PIPELINE_BIND_POINT_COMPUTE, c.pipeline);
                if (c.push_bytes != 0) {
                    vk.vkCmdPushConstants(buffer, core->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, c.push_bytes,
                                          push.data() + c.push_offset);
                }
                if (c.counts != VK_NULL_HANDLE)
                    vk.vkCmdDispatchIndirect(buffer, c.counts, c.counts_offset);
                else
                    vk.vkCmdDispatch(buffer, c.groups.x, c.groups.y, c.groups.z);
            },
            [&](const CopyCommand& c) { vk.vkCmdCopyBuffer(buffer, c.from, c.to, 1, &c.region); },
            [&](const FillCommand& c) { vk.vkCmdFillBuffer(buffer, c.buffer, c.offset, c.bytes, c.word); },
            [&](const BarrierCommand&) { work_barrier(*core, queue, buffer, indirect); },
            [&](const TimestampCommand& c) {
                vk.vkCmdWriteTimestamp2(buffer, VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT, queries, c.index);
            },
            [&](const BeginLabelCommand& c) {
                VkDebugUtilsLabelEXT text{};
                text.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT;
                text.pLabelName = c.text.c_str();
                if (labels) vkCmdBeginDebugUtilsLabelEXT(buffer, &text);
            },
            [&](const EndLabelCommand&) {
                if (labels) vkCmdEndDebugUtilsLabelEXT(buffer);
            },
        },
        command);
}

Result<void> Stream::Impl::record() {
    if (pool == VK_NULL_HANDLE) {
        TUFF_TRY(created, create_command_pool(*core, queue, name));
        pool = created;
    }
    if (buffer == VK_NULL_HANDLE) {
        TUFF_TRY(created, create_command_buffer(*core, pool));
        buffer = created;
    }
    if (timestamps != 0 && queries == VK_NULL_HANDLE) {
        VkQueryPoolCreateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
        info.queryType = VK_QUERY_TYPE_TIMESTAMP;
        info.queryCount = timestamps;
        const VkResult result = core->vk.vkCreateQueryPool(core->device, &info, nullptr, &queries);
        if (result != VK_SUCCESS)
            return core->fail(result, "creating {} timestamps for '{}'", timestamps, name);
    }
    TUFF_CHECK(begin_commands(*core, queue, buffer, indirect));
    if (timestamps != 0) core->vk.vkCmdResetQueryPool(buffer, queries, 0, timestamps);
    for (const Command& command : commands) record_one(command);
    return end_commands(*core, queue, buffer);
}

Result<void> Stream::finish() {
    Impl& self = *impl_;
    TUFF_CHECK(self.check_recording());
    TUFF_CHECK(self.record());
    self.finished = true;
    // What is recorded lives in the command buffer now.
    self.commands = {};
    self.push = {};
    self.tracker.clear();
    return {};
}

Result<void> Stream::submit(std::span<const Moment> after) {
    Impl& self = *impl_;
    if (!self.finished) return fail(ErrorCode::usage, "stream '{}' is run before it is finished", self.name);
    TUFF_CHECK(wait());
    TUFF_TRY(moment, self.core->submit(self.queue, self.buffer, after, self.name));
    self.last = moment;
    self.in_flight = true;
    return {};
}

Result<void> Stream::wait() {
    Impl& self = *impl_;
    if (!self.in_flight) return self.core->check_alive();
    TUFF_CHECK(self.core->wait(self.last, self.name));
    self.in_flight = false;
    return {};
}

Result<void> Stream::run() {
    TUFF_CHECK(submit());
    return wait();
}

Result<std::vector<double>> Stream::timestamps_ns() {
    Impl& self = *impl_;
    if (self.last.value == 0 || self.in_flight) {
        return fail(ErrorCode::usage, "stream '{}' has no finished run to tell times of", self.name);
    }
    std::vector<double> times(self.timestamps);
    if (times.empty()) return times;
    std::vector<std::uint64_t> raw(self.timestamps);
    const VkResult result = self.core->vk.vkGetQueryPoolResults(
        self.core->device, self.queries, 0, self.timestamps, raw.size() * sizeof(std::uint64_t), raw.data(),
        sizeof(std::uint64_t), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
    if (result != VK_SUCCESS) return self.core->fail(result, "reading the timestamps of '{}'", self.name);
    const DeviceSnapshot& device = self.core->snapshot;
    for (std::size_t i = 0; i < times.size(); ++i) {
        times[i] = ticks_to_ns(raw[i], raw[0],
                               device.queue_families[self.core->on(self.queue).family].timestamp_valid_bits,
                               device.limits.timestamp_period_ns);
    }
    return times;
}

Moment Stream::last() const {
    return impl_->last;
}

std::size_t Stream::command_count() const {
    return impl_->work;
}
std::size_t Stream::barrier_count() const {
    return impl_->barriers;
}

}  // namespace tuff::host
