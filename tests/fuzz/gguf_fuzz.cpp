// Any bytes as a GGUF file: it is refused with a message, or everything in it can be looked at.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "backend/gguf.hpp"
#include "backend/model/gguf_model.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using tuff::fuzz::require;
using tuff::fuzz::touch_ends;

void touch(const tuff::GgufValue& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        touch_ends(std::as_bytes(std::span(text->data(), text->size())));
    }
    const auto* array = std::get_if<tuff::GgufArray>(&value);
    if (array == nullptr) return;
    std::uint64_t count = 0;
    for (const tuff::GgufValue& element : *array) {
        require(tuff::type_of(element) == array->element_type());
        touch(element);
        ++count;
    }
    require(count == array->count());
}

void check_keys(const tuff::GgufFile& file) {
    for (const tuff::GgufKey& key : file.keys()) {
        touch(key.value);
        require(!tuff::to_text(key.value).empty());
        require(file.find_key(key.name) == &key);
        // Exactly the conversions that fit the stored type may succeed; all must come back.
        (void)file.find<std::uint64_t>(key.name);
        (void)file.find<std::int64_t>(key.name);
        (void)file.find<double>(key.name);
        (void)file.find<std::string_view>(key.name);
    }
}

void check_tensors(const tuff::GgufFile& file) {
    const std::byte* begin = file.bytes().data() + file.data_offset();
    const std::byte* end = file.bytes().data() + file.bytes().size();
    for (const tuff::GgufTensor& tensor : file.tensors()) {
        require(file.find_tensor(tensor.name) == &tensor);
        const auto data = file.data(tensor);
        require(data.size() == tensor.bytes);
        require(data.empty() || (data.data() >= begin && data.data() + data.size() <= end));
        require(tensor.dims[0] % tensor.type->block_elements == 0);
        require(tensor.dims[0] * tensor.dims[1] * tensor.dims[2] * tensor.dims[3] == tensor.elements);
        touch_ends(data);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto file = tuff::GgufFile::parse(std::as_bytes(std::span(bytes, size)), "input.gguf");
    if (!file) {
        require(file.error().message.starts_with("input.gguf: "));
        return 0;
    }
    check_keys(*file);
    check_tensors(*file);
    if (const auto model = tuff::gguf_model(*file)) require(!model->shape.layers.empty());
    return 0;
}
