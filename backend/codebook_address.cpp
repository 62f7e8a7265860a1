#include "backend/codebook_address.hpp"

#include <span>

#include "backend/formats/codebooks.hpp"

namespace tuff {

Result<std::uint64_t> codebook_address(host::Device& device, const Format& format) {
    if (!format.codebook) return 0;
    return device.constant(format.codebook->name, std::as_bytes(format.codebook->entries));
}

}  // namespace tuff
