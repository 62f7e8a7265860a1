#include "bench/transfer_paths.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "bench/roof_kernels.hpp"
#include "host/import.hpp"
#include "host/stream.hpp"
#include "host/transfer.hpp"

namespace tuff::bench {
namespace {

using Bytes = std::vector<std::byte>;

// Differs everywhere, so that bytes at a wrong place are found.
Bytes pattern(std::uint64_t bytes) {
    Bytes made(bytes);
    for (std::size_t i = 0; i < made.size(); i++) made[i] = static_cast<std::byte>((i * 2654435761U) >> 13);
    return made;
}

bool equal(std::span<const std::byte> a, std::span<const std::byte> b) {
    return std::ranges::equal(a, b);
}

Result<bool> holds(Session& session, const host::Buffer& buffer, const Bytes& expected) {
    Bytes got(expected.size());
    TUFF_CHECK(host::readback(session.device(), buffer, 0, got));
    return equal(got, expected);
}

// A copy that is recorded once. Buffers are named by address: they must not move.
Result<host::Stream> copy_stream(Session& session, const host::Buffer& from, std::uint64_t from_offset,
                                 host::Buffer& to, std::uint64_t to_offset, std::uint64_t bytes) {
    host::Stream stream(session.device(), "transfer", host::Queue::transfer);
    TUFF_CHECK(stream.copy(from, from_offset, to, to_offset, bytes));
    TUFF_CHECK(stream.finish());
    return stream;
}

// Both ends of most paths: bytes of the host, and a buffer that weights would lie in.
class Ends : public TransferPath {
  public:
    Ends(Session& session, std::uint64_t bytes) : session_(session), host_(pattern(bytes)) {}

  protected:
    Result<void> allocate() {
        TUFF_TRY(buffer, session_.device().allocate(host::Intent::weights, host_.size(), "transfer"));
        device_ = std::move(buffer);
        return host::fill(session_.device(), device_, 0, host_.size(), 0);
    }
    Result<void> allocate_full() {
        TUFF_CHECK(allocate());
        return host::upload(session_.device(), device_, 0, host_);
    }
    Session& session_;
    Bytes host_;
    host::Buffer device_;
};

class MappedWrite final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare() {
        TUFF_CHECK(allocate());
        if (!device_.in_place()) return fail(ErrorCode::unsupported, "the host does not see this memory");
        return {};
    }
    Result<void> run() override {
        std::memcpy(device_.mapped().data(), host_.data(), host_.size());
        return {};
    }
    Result<bool> arrived() override { return holds(session_, device_, host_); }
};

class MappedRead final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare() {
        TUFF_CHECK(allocate_full());
        if (!device_.in_place()) return fail(ErrorCode::unsupported, "the host does not see this memory");
        out_.resize(host_.size());
        return {};
    }
    Result<void> run() override {
        std::memcpy(out_.data(), device_.mapped().data(), out_.size());
        return {};
    }
    Result<bool> arrived() override { return equal(out_, host_); }

  private:
    Bytes out_;
};

// Through two slots of pinned memory in turn: while one is copied by the device, the other is filled.
class Staged final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare() {
        TUFF_CHECK(allocate());
        slot_bytes_ = std::min<std::uint64_t>(host::staging_slot_bytes(session_.snapshot()), host_.size());
        for (host::Buffer& slot : slots_) {
            TUFF_TRY(made, session_.device().allocate(host::Intent::upload, slot_bytes_, "staging"));
            slot = std::move(made);
            if (!slot.in_place()) return fail(ErrorCode::unsupported, "no coherent memory to stage in");
        }
        for (std::uint64_t at = 0; at < host_.size(); at += slot_bytes_) {
            TUFF_TRY(stream, copy_stream(session_, slots_[copies_.size() % 2], 0, device_, at,
                                         std::min(slot_bytes_, host_.size() - at)));
            copies_.push_back(std::move(stream));
        }
        return {};
    }
    Result<void> run() override {
        for (std::size_t i = 0; i < copies_.size(); i++) {
            if (i >= 2) TUFF_CHECK(copies_[i - 2].wait());
            const std::uint64_t at = i * slot_bytes_;
            std::memcpy(slots_[i % 2].mapped().data(), host_.data() + at,
                        std::min<std::uint64_t>(slot_bytes_, host_.size() - at));
            TUFF_CHECK(copies_[i].submit());
        }
        for (host::Stream& copy : copies_) TUFF_CHECK(copy.wait());
        return {};
    }
    Result<bool> arrived() override { return holds(session_, device_, host_); }

  private:
    std::uint64_t slot_bytes_ = 0;
    host::Buffer slots_[2];
    std::vector<host::Stream> copies_;
};

// The device's copy alone, from or to memory of the host that it sees.
class PinnedCopy final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare(bool to_device) {
        to_device_ = to_device;
        TUFF_CHECK(to_device ? allocate() : allocate_full());
        TUFF_TRY(pinned, session_.device().allocate(to_device ? host::Intent::upload : host::Intent::readback,
                                                    host_.size(), "pinned"));
        pinned_ = std::move(pinned);
        if (to_device) TUFF_CHECK(host::upload(session_.device(), pinned_, 0, host_));
        TUFF_TRY(stream, to_device ? copy_stream(session_, pinned_, 0, device_, 0, host_.size())
                                   : copy_stream(session_, device_, 0, pinned_, 0, host_.size()));
        copy_ = std::move(stream);
        return {};
    }
    Result<void> run() override { return copy_->run(); }
    Result<bool> arrived() override { return holds(session_, to_device_ ? device_ : pinned_, host_); }

  private:
    bool to_device_ = true;
    host::Buffer pinned_;
    std::optional<host::Stream> copy_;
};

// Pages of this process, imported.
struct Imported {
    host::HostMemory memory;
    host::Buffer buffer;

    static Result<Imported> make(Session& session, std::uint64_t bytes) {
        const std::uint64_t alignment = host::import_alignment(session.snapshot());
        if (alignment == 0) return fail(ErrorCode::unsupported, "the device imports no host memory");
        TUFF_TRY(memory, host::HostMemory::allocate(bytes + host::kTailBytes, alignment));
        TUFF_TRY(buffer, host::import_host(session.device(), memory.bytes(), "imported"));
        return Imported{std::move(memory), std::move(buffer)};
    }
};

class ImportedCopy final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare(bool to_device) {
        to_device_ = to_device;
        TUFF_CHECK(to_device ? allocate() : allocate_full());
        TUFF_TRY(imported, Imported::make(session_, host_.size()));
        imported_ = std::move(imported);
        if (to_device) std::memcpy(imported_.memory.bytes().data(), host_.data(), host_.size());
        TUFF_TRY(stream, to_device ? copy_stream(session_, imported_.buffer, 0, device_, 0, host_.size())
                                   : copy_stream(session_, device_, 0, imported_.buffer, 0, host_.size()));
        copy_ = std::move(stream);
        return {};
    }
    Result<void> run() override { return copy_->run(); }
    Result<bool> arrived() override {
        if (to_device_) return holds(session_, device_, host_);
        return equal(imported_.memory.bytes().first(host_.size()), host_);
    }

  private:
    bool to_device_ = true;
    Imported imported_;
    std::optional<host::Stream> copy_;
};

class Readback final : public Ends {
  public:
    using Ends::Ends;
    Result<void> prepare() {
        out_.resize(host_.size());
        return allocate_full();
    }
    Result<void> run() override { return host::readback(session_.device(), device_, 0, out_); }
    Result<bool> arrived() override { return equal(out_, host_); }

  private:
    Bytes out_;
};

// A kernel sums ones that lie in memory of the host.
class KernelRead final : public TransferPath {
  public:
    KernelRead(Session& session, std::uint64_t bytes) : session_(session), bytes_(bytes) {}
    Result<void> prepare(bool imported) {
        const std::vector<float> ones(bytes_ / sizeof(float), 1.0F);
        if (imported) {
            TUFF_TRY(made, Imported::make(session_, bytes_));
            imported_ = std::move(made);
            std::memcpy(imported_.memory.bytes().data(), ones.data(), ones.size() * sizeof(float));
        } else {
            TUFF_TRY(made, session_.device().allocate(host::Intent::upload, bytes_, "pinned"));
            pinned_ = std::move(made);
            TUFF_CHECK(host::upload(session_.device(), pinned_, 0, std::as_bytes(std::span(ones))));
        }
        const std::vector<ReadKernel> kernels = read_kernels(session_.snapshot(), bytes_);
        if (kernels.empty()) return fail(ErrorCode::unsupported, "no kernel reads so few bytes");
        how_ = kernels.front();
        const std::uint64_t sums = std::uint64_t{how_.workgroups} * how_.invocations * sizeof(float);
        TUFF_TRY(made, session_.device().allocate(host::Intent::scratch, sums, "sums"));
        sums_ = std::move(made);
        host::Stream stream(session_.device(), "read");
        TUFF_CHECK(
            record_read(stream, session_.device(), how_, imported ? imported_.buffer : pinned_, sums_));
        TUFF_CHECK(stream.finish());
        read_ = std::move(stream);
        return {};
    }
    Result<void> run() override { return read_->run(); }
    Result<bool> arrived() override {
        std::vector<float> sums(sums_.size() / sizeof(float));
        TUFF_CHECK(host::readback(session_.device(), sums_, 0, std::as_writable_bytes(std::span(sums))));
        double total = 0;
        for (const float sum : sums) total += static_cast<double>(sum);
        return total == static_cast<double>(how_.bytes / sizeof(float));
    }

  private:
    Session& session_;
    std::uint64_t bytes_;
    Imported imported_;
    host::Buffer pinned_, sums_;
    ReadKernel how_;
    std::optional<host::Stream> read_;
};

// Where streams name buffers by address, the path is made at its place before they are recorded.
template <class Path, auto... kArguments>
Result<std::unique_ptr<TransferPath>> make(Session& session, std::uint64_t bytes) {
    auto path = std::make_unique<Path>(session, bytes);
    TUFF_CHECK(path->prepare(kArguments...));
    return path;
}

constexpr TransferKind kStaged{"to device", "memcpy and copy through staging", make<Staged>};
constexpr TransferKind kKinds[] = {
    {"to device", "memcpy to mapped memory", make<MappedWrite>},
    kStaged,
    {"to device", "copy of pinned memory", make<PinnedCopy, true>},
    {"to device", "copy of imported memory", make<ImportedCopy, true>},
    {"to host", "memcpy of mapped memory", make<MappedRead>},
    {"to host", "copy and memcpy through staging", make<Readback>},
    {"to host", "copy to pinned memory", make<PinnedCopy, false>},
    {"to host", "copy to imported memory", make<ImportedCopy, false>},
    {"read", "kernel reading pinned memory", make<KernelRead, false>},
    {"read", "kernel reading imported memory", make<KernelRead, true>},
};

}  // namespace

std::span<const TransferKind> transfer_kinds() {
    return kKinds;
}

const TransferKind& staged_upload() {
    return kStaged;
}

}  // namespace tuff::bench
