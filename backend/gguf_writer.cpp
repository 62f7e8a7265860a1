#include "backend/gguf_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "backend/printable.hpp"

namespace tuff {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they are in memory");

std::uint64_t padding(std::uint64_t at, std::uint64_t alignment) {
    return (alignment - at % alignment) % alignment;
}

class Head {
  public:
    template <class T>
    requires std::is_arithmetic_v<T>
    void number(T value) { raw(std::as_bytes(std::span(&value, 1))); }
    void raw(std::span<const std::byte> bytes) {
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    void text(std::string_view value) {
        number(std::uint64_t{value.size()});
        raw(std::as_bytes(std::span(value)));
    }
    void value(const GgufValue& value) {
        number(static_cast<std::uint32_t>(type_of(value)));
        std::visit(
            [&](const auto& stored) {
                using Stored = std::remove_cvref_t<decltype(stored)>;
                if constexpr (std::is_same_v<Stored, std::string_view>) {
                    text(stored);
                } else if constexpr (std::is_same_v<Stored, GgufArray>) {
                    number(static_cast<std::uint32_t>(stored.element_type()));
                    number(stored.count());
                    raw(stored.bytes());
                } else {
                    number(stored);
                }
            },
            value);
    }
    [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

  private:
    std::string bytes_;
};

std::unexpected<Error> io_error(const std::string& path, std::string_view what, int error) {
    return fail(ErrorCode::io, "{}: cannot {}: {}", printable(path, k_whole), what,
                std::generic_category().message(error));
}

}  // namespace

Result<std::uint64_t> GgufTensorToWrite::bytes() const {
    std::uint64_t elements = 1;
    for (const std::uint64_t dim : dims) {
        if (__builtin_mul_overflow(elements, dim, &elements))
            return fail(ErrorCode::malformed, "tensor '{}' has more than 2^64 elements", printable(name));
    }
    if (!dims.empty()) TUFF_CHECK(row_bytes(*type, dims[0]));
    return row_bytes(*type, elements);
}

Result<GgufWriter> GgufWriter::create(const std::string& path, std::span<const GgufKeyToWrite> keys,
                                      std::span<const GgufTensorToWrite> tensors, std::uint32_t alignment) {
    Head head;
    for (const char c : {'G', 'G', 'U', 'F'}) head.number(c);
    head.number(std::uint32_t{3});
    head.number(std::uint64_t{tensors.size()});
    head.number(std::uint64_t{keys.size()});
    for (const GgufKeyToWrite& key : keys) {
        head.text(key.name);
        head.value(key.value);
    }
    GgufWriter writer;
    writer.alignment_ = alignment;
    std::uint64_t offset = 0;
    for (const GgufTensorToWrite& tensor : tensors) {
        TUFF_TRY(bytes, tensor.bytes());
        head.text(tensor.name);
        head.number(static_cast<std::uint32_t>(tensor.dims.size()));
        for (const std::uint64_t dim : tensor.dims) head.number(dim);
        head.number(tensor.type->id);
        head.number(offset);
        writer.tensor_bytes_.push_back(bytes);
        offset += bytes + padding(bytes, alignment);
    }
    const std::uint64_t head_bytes = head.bytes().size();
    writer.size_ = head_bytes + (tensors.empty() ? 0 : padding(head_bytes, alignment)) + offset;
    TUFF_CHECK(writer.open(path));
    TUFF_CHECK(writer.put(head.bytes()));
    if (!tensors.empty()) TUFF_CHECK(writer.pad());
    return writer;
}

GgufWriter::GgufWriter(GgufWriter&& other) noexcept
    : path_(std::move(other.path_)),
      final_(std::move(other.final_)),
      partial_(std::exchange(other.partial_, {})),
      file_(std::exchange(other.file_, -1)),
      alignment_(other.alignment_),
      tensor_bytes_(std::move(other.tensor_bytes_)),
      tensor_(other.tensor_),
      tensor_written_(other.tensor_written_),
      written_(other.written_),
      size_(other.size_) {}

GgufWriter::~GgufWriter() {
    if (file_ >= 0) ::close(file_);
    if (!partial_.empty()) ::unlink(partial_.c_str());
}

Result<void> GgufWriter::open(const std::string& path) {
    path_ = path;
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) return io_error(path, "write", EISDIR);
    if (exists && !S_ISREG(status.st_mode)) {
        file_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (file_ < 0) return io_error(path, "open for writing", errno);
        return {};
    }
    std::error_code ignored;
    const std::filesystem::path behind_links = std::filesystem::canonical(path, ignored);
    final_ = behind_links.empty() ? path : behind_links.string();
    std::string partial = fmt::format("{}.{}.partial", final_, ::getpid());
    file_ = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file_ < 0) return io_error(path, "create", errno);
    partial_ = std::move(partial);
#ifdef __linux__
    // Better told now than in half an hour. Not every file system can reserve space.
    if (size_ > 0 && ::fallocate(file_, 0, 0, static_cast<off_t>(size_)) != 0 &&
        (errno == ENOSPC || errno == EFBIG || errno == EDQUOT)) {
        const int error = errno;
        return fail(ErrorCode::io, "{}: cannot reserve {} bytes: {}", printable(path, k_whole), size_,
                    std::generic_category().message(error));
    }
#endif
    return {};
}

Result<void> GgufWriter::put(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return io_error(path_, "write", errno);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        written_ += static_cast<std::uint64_t>(written);
    }
    return {};
}

Result<void> GgufWriter::pad() {
    constexpr std::array<std::byte, 4096> zeros{};
    for (std::uint64_t left = padding(written_, alignment_); left > 0;) {
        const std::uint64_t piece = std::min<std::uint64_t>(left, zeros.size());
        TUFF_CHECK(put(std::span(zeros).first(piece)));
        left -= piece;
    }
    return {};
}

Result<void> GgufWriter::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        while (tensor_ < tensor_bytes_.size() && tensor_bytes_[tensor_] == 0) tensor_++;
        if (tensor_ == tensor_bytes_.size())
            return fail(ErrorCode::internal, "{}: more data than its tensors have",
                        printable(path_, k_whole));
        const std::uint64_t piece =
            std::min<std::uint64_t>(bytes.size(), tensor_bytes_[tensor_] - tensor_written_);
        TUFF_CHECK(put(bytes.first(piece)));
        tensor_written_ += piece;
        bytes = bytes.subspan(piece);
        if (tensor_written_ == tensor_bytes_[tensor_]) {
            TUFF_CHECK(pad());
            tensor_++;
            tensor_written_ = 0;
        }
    }
    return {};
}

Result<void> GgufWriter::finish() {
    if (written_ != size_) {
        return fail(ErrorCode::internal, "{}: {} bytes written of {}", printable(path_, k_whole), written_,
                    size_);
    }
    if (::close(std::exchange(file_, -1)) != 0) return io_error(path_, "write", errno);
    if (partial_.empty()) return {};
    if (::rename(partial_.c_str(), final_.c_str()) != 0) return io_error(path_, "replace", errno);
    partial_.clear();
    return {};
}

}  // namespace tuff
