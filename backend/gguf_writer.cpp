#include "backend/gguf_writer.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "backend/arithmetic.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they are in memory");

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
    std::vector<std::uint64_t> tensor_bytes;
    std::uint64_t offset = 0;
    for (const GgufTensorToWrite& tensor : tensors) {
        TUFF_TRY(bytes, tensor.bytes());
        head.text(tensor.name);
        head.number(u32(tensor.dims.size()));
        for (const std::uint64_t dim : tensor.dims) head.number(dim);
        head.number(tensor.type->id);
        head.number(offset);
        tensor_bytes.push_back(bytes);
        offset += round_up(bytes, alignment);
    }
    const std::uint64_t head_bytes = head.bytes().size();
    const std::uint64_t size = tensors.empty() ? head_bytes : round_up(head_bytes, alignment) + offset;
    TUFF_TRY(file, OutputFile::create(path, size));
    GgufWriter writer(std::move(file), alignment, std::move(tensor_bytes), size);
    TUFF_CHECK(writer.put(head.bytes()));
    if (!tensors.empty()) TUFF_CHECK(writer.pad());
    return writer;
}

Result<void> GgufWriter::put(std::span<const std::byte> bytes) {
    TUFF_CHECK(file_.write(bytes));
    written_ += bytes.size();
    return {};
}

Result<void> GgufWriter::pad() {
    constexpr std::array<std::byte, 4096> zeros{};
    for (std::uint64_t left = round_up(written_, alignment_) - written_; left > 0;) {
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
                        printable(file_.path(), k_whole));
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
        return fail(ErrorCode::internal, "{}: {} bytes written of {}", printable(file_.path(), k_whole),
                    written_, size_);
    }
    return file_.finish();
}

}  // namespace tuff
