// A stream: commands recorded once and run any number of times. Barriers are placed where the recorded reads
// and writes need them, and nowhere else.
#pragma once

#include <tuff/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "host/device.hpp"
#include "host/memory.hpp"
#include "host/pipeline.hpp"

namespace tuff::host {

struct Groups {
    std::uint32_t x = 1, y = 1, z = 1;
};

// What a dispatch does to a range of a buffer. Reads into the tail (kTailBytes) need not be named.
struct Access {
    enum class Use { read, write, read_write };
    static constexpr std::uint64_t kWhole = ~std::uint64_t{0};

    const Buffer* buffer = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t bytes = kWhole;  // kWhole: to the end
    Use use = Use::read;

    static Access read(const Buffer& buffer, std::uint64_t offset = 0, std::uint64_t bytes = kWhole) {
        return {&buffer, offset, bytes, Use::read};
    }
    static Access write(const Buffer& buffer, std::uint64_t offset = 0, std::uint64_t bytes = kWhole) {
        return {&buffer, offset, bytes, Use::write};
    }
    static Access read_write(const Buffer& buffer, std::uint64_t offset = 0, std::uint64_t bytes = kWhole) {
        return {&buffer, offset, bytes, Use::read_write};
    }
};

// Used by one thread at a time. Buffers and pipelines it names must outlive its last run. A command that
// fails leaves the stream as it was.
class Stream {
  public:
    explicit Stream(Device& device, std::string_view name = "stream", Queue queue = Queue::compute);
    Stream(Stream&&) noexcept;
    Stream& operator=(Stream&&) noexcept;
    ~Stream();  // waits for a run in flight

    // Recording, until finish().

    // Runs `groups` workgroups with `push` (a multiple of 4 bytes, at most kPushConstantBytes) as push
    // constants. usage: the group count is 0 or beyond the device's limit, or an access lies outside its
    // buffer.
    Result<void> dispatch(const Pipeline& pipeline, std::span<const std::byte> push, Groups groups,
                          std::span<const Access> accesses);
    // The same with as many workgroups as three words at `counts` say when it runs, which earlier commands
    // of the stream may write: none at all, or at most `most` along each dimension, else what the kernel
    // does is undefined. usage: also where `offset` is not a multiple of 4.
    Result<void> dispatch_indirect(const Pipeline& pipeline, std::span<const std::byte> push,
                                   const Buffer& counts, std::uint64_t offset, Groups most,
                                   std::span<const Access> accesses);
    Result<void> copy(const Buffer& from, std::uint64_t from_offset, Buffer& to, std::uint64_t to_offset,
                      std::uint64_t bytes);
    // offset and bytes are multiples of 4.
    Result<void> fill(Buffer& buffer, std::uint64_t offset, std::uint64_t bytes, std::uint32_t word);

    // A point in time: everything recorded before is done, nothing recorded after has begun. Returns its
    // index in timestamps_ns(). unsupported: the queue has no clock.
    Result<std::uint32_t> timestamp();

    // Names everything recorded during the returned object's life, for captures and validation messages.
    class Label {
      public:
        explicit Label(Stream& stream) : stream_(&stream) {}
        Label(const Label&) = delete;
        Label& operator=(const Label&) = delete;
        ~Label() { stream_->end_label(); }

      private:
        Stream* stream_;
    };
    [[nodiscard]] Label label(std::string_view text);

    // Ends the recording; nothing can be added afterwards.
    Result<void> finish();

    // Running, after finish().

    // submit() and wait().
    Result<void> run();
    // Hands the commands to the device, after everything submitted to this queue before and after the moments
    // given, of whichever queue; waits first where this stream's last run has not ended.
    Result<void> submit(std::span<const Moment> after = {});
    // Blocks until the last run has ended; at once where there is none.
    Result<void> wait();
    // The end of the last run submitted.
    [[nodiscard]] Moment last() const;
    // Of the last run, which must have ended: nanoseconds since the stream's first timestamp.
    Result<std::vector<double>> timestamps_ns();

    // How many commands and barriers were recorded.
    [[nodiscard]] std::size_t command_count() const;
    [[nodiscard]] std::size_t barrier_count() const;

  private:
    struct Impl;
    void end_label();
    std::unique_ptr<Impl> impl_;
};

}  // namespace tuff::host
