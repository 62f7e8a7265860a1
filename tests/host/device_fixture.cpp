#include "tests/host/device_fixture.hpp"

#include "add_words.spv.hpp"

namespace tuff::host::test {

const shaders::Kernel& add_words() {
    static const shaders::Kernel kernel{"add_words", "add_words", "", "add_words.comp",
                                        {},          {},          0,  add_words_spirv};
    return kernel;
}

Result<void> record_add(Device& device, Stream& stream, const Buffer& from, const Buffer& to,
                        std::uint32_t step) {
    constexpr std::uint32_t group = 64;
    const std::array constants = {group, step};
    TUFF_TRY(pipeline, device.pipeline(add_words(), constants));
    const auto n = static_cast<std::uint32_t>(from.size() / 4);
    const AddWordsArguments arguments{from.address(), to.address(), n};
    // 20 bytes of the structure; the rest is padding.
    const auto push = std::as_bytes(std::span(&arguments, 1)).first(20);
    return stream.dispatch(*pipeline, push, {(n + group - 1) / group},
                           std::array{Access::read(from), Access::write(to)});
}

}  // namespace tuff::host::test
