#include <string>
#include <utility>

#include "host/device_core.hpp"
#include "host/transfer.hpp"

namespace tuff::host {

Result<std::uint64_t> Device::constant(std::string_view name, std::span<const std::byte> data) {
    const std::lock_guard lock(core_->constant_mutex);
    if (const auto found = core_->constants.find(name); found != core_->constants.end())
        return found->second.address();
    TUFF_TRY(buffer, allocate(Intent::weights, data.size(), name));
    TUFF_CHECK(upload(*this, buffer, 0, data));
    return core_->constants.emplace(std::string(name), std::move(buffer)).first->second.address();
}

}  // namespace tuff::host
