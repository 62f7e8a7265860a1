#include "backend/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "backend/printable.hpp"

namespace tuff {
namespace {

class Descriptor {
  public:
    explicit Descriptor(int value) : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    [[nodiscard]] int get() const { return value_; }

  private:
    int value_;
};

std::string reason(int error) {
    return std::generic_category().message(error);
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
    const std::string shown = printable(path, k_whole);
    if (path.contains('\0')) return fail(ErrorCode::io, "{}: a path cannot contain a zero byte", shown);
    // O_NONBLOCK: opening a pipe that nobody writes to must not wait; for regular files it means nothing.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return fail(ErrorCode::io, "{}: cannot open: {}", shown, reason(errno));

    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        return fail(ErrorCode::io, "{}: cannot stat: {}", shown, reason(errno));
    if (S_ISDIR(status.st_mode)) return fail(ErrorCode::io, "{}: is a directory", shown);
    if (!S_ISREG(status.st_mode)) return fail(ErrorCode::io, "{}: is not a regular file", shown);

    MappedFile mapped;
    if (status.st_size == 0) return mapped;  // mmap refuses length 0
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (!std::in_range<std::size_t>(size)) {
        return fail(ErrorCode::out_of_memory, "{}: {} bytes exceed the address space", shown, size);
    }
    void* address = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address == MAP_FAILED) {
        const int error = errno;
        return fail(error == ENOMEM ? ErrorCode::out_of_memory : ErrorCode::io, "{}: cannot map {} bytes: {}",
                    shown, size, reason(error));
    }
    mapped.bytes_ = {static_cast<const std::byte*>(address), static_cast<std::size_t>(size)};
    return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
}

MappedFile::~MappedFile() {
    if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace tuff
