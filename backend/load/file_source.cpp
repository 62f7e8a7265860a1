#include "backend/load/file_source.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

std::unexpected<Error> system_error(const std::string& name, std::string_view what, int error) {
    return fail(ErrorCode::io, "{}: {}: {}", name, what, std::generic_category().message(error));
}

std::unexpected<Error> shrunk(const std::string& name, std::uint64_t offset, std::uint64_t bytes) {
    return fail(ErrorCode::io,
                "{}: its bytes {} to {} are gone; the file has become shorter while it was read", name,
                offset, offset + bytes);
}

}  // namespace

Result<FileSource> FileSource::open(const std::string& path, ReadWay way) {
    FileSource source;
    source.name_ = printable(path, k_whole);
    source.way_ = way;
    if (way == ReadWay::mapped) {
        TUFF_TRY(mapping, MappedFile::open(path));
        source.mapping_ = std::move(mapping);
        source.size_ = source.mapping_.size();
        return source;
    }
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (way == ReadWay::direct ? O_DIRECT : 0);
    source.descriptor_ = ::open(path.c_str(), flags);
    if (source.descriptor_ < 0 && way == ReadWay::direct && errno == EINVAL)
        return fail(ErrorCode::unsupported, "{}: its file system has no direct reads", source.name_);
    if (source.descriptor_ < 0) return system_error(source.name_, "cannot open", errno);
    struct stat status {};
    if (::fstat(source.descriptor_, &status) != 0) return system_error(source.name_, "cannot stat", errno);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::io, "{}: is not a regular file", source.name_);
    source.size_ = static_cast<std::uint64_t>(status.st_size);
    return source;
}

FileSource::FileSource(FileSource&& other) noexcept {
    *this = std::move(other);
}

FileSource& FileSource::operator=(FileSource&& other) noexcept {
    std::swap(name_, other.name_);
    std::swap(way_, other.way_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(mapping_, other.mapping_);
    std::swap(size_, other.size_);
    return *this;
}

FileSource::~FileSource() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::span<const std::byte>> FileSource::read(std::uint64_t offset, std::uint64_t bytes,
                                                    std::span<std::byte> scratch) {
    if (scratch.size() < scratch_bytes(bytes) ||
        reinterpret_cast<std::uintptr_t>(scratch.data()) % kAlignment != 0)
        return fail(ErrorCode::usage,
                    "{}: {} bytes cannot be read into {} bytes of scratch, or not where it lies", name_,
                    bytes, scratch.size());
    if (offset > size_ || bytes > size_ - offset)
        return fail(ErrorCode::io, "{}: has no bytes {} to {}; it is {} bytes long", name_, offset,
                    offset + bytes, size_);
    return way_ == ReadWay::mapped ? copy_mapping(offset, bytes, scratch)
                                   : read_descriptor(offset, bytes, scratch);
}

Result<std::span<const std::byte>> FileSource::read_descriptor(std::uint64_t offset, std::uint64_t bytes,
                                                               std::span<std::byte> scratch) {
    // A direct read begins and ends at multiples of the alignment, but for the end of the file.
    const std::uint64_t unit = way_ == ReadWay::direct ? kAlignment : 1;
    const std::uint64_t skip = offset % unit, wanted = skip + bytes;
    const std::uint64_t asked = round_up(wanted, unit);
    for (std::uint64_t got = 0; got < wanted;) {
        const ssize_t n =
            ::pread(descriptor_, scratch.data() + got, asked - got, static_cast<off_t>(offset - skip + got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_error(name_, "cannot read", errno);
        if (n == 0) return shrunk(name_, offset, bytes);
        got += static_cast<std::uint64_t>(n);
    }
    return std::span<const std::byte>(scratch).subspan(skip, bytes);
}

// A load from pages behind the new end of a file that has shrunk raises SIGBUS, and a library cannot own
// signal handlers; the kernel, asked to copy them, answers with an error instead.
Result<std::span<const std::byte>> FileSource::copy_mapping(std::uint64_t offset, std::uint64_t bytes,
                                                            std::span<std::byte> scratch) {
    for (std::uint64_t got = 0; got < bytes;) {
        const iovec to{scratch.data() + got, static_cast<std::size_t>(bytes - got)};
        const iovec from{const_cast<std::byte*>(mapping_.bytes().data()) + offset + got,
                         static_cast<std::size_t>(bytes - got)};
        const ssize_t n = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
        if (n < 0 && errno == EFAULT) return shrunk(name_, offset, bytes);
        if (n < 0) return system_error(name_, "cannot copy out of its mapping", errno);
        if (n == 0) return shrunk(name_, offset, bytes);
        got += static_cast<std::uint64_t>(n);
    }
    return std::span<const std::byte>(scratch).first(bytes);
}

}  // namespace tuff
