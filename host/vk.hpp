// Private to host/: the Vulkan headers, and how a VkResult becomes an error.
#pragma once

#include <volk.h>
#include <tuff/result.hpp>

namespace tuff::host {

// "VK_ERROR_DEVICE_LOST"; "VkResult -42" for one this file does not know.
std::string result_name(VkResult result);

ErrorCode code_of(VkResult result);

// return fail_vk(result, "creating a buffer of {} bytes", size);  ->  "creating ... bytes: VK_ERROR_..."
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail_vk(VkResult result, fmt::format_string<Args...> text,
                                             Args&&... args) {
    return std::unexpected(Error{code_of(result),
                                 fmt::format(text, std::forward<Args>(args)...) + ": " + result_name(result),
                                 static_cast<int>(result)});
}

}  // namespace tuff::host
