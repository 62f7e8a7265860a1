// The ways a file's bytes take into a device's memory, and which one suits a device and a file.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "backend/load/file_source.hpp"
#include "host/device.hpp"

namespace tuff {

enum class LoadWay : std::uint8_t {
    import,  // direct reads into our own pages, which the device imports: it copies blocks out of them itself
    mapped,  // out of a mapping of the file, through a ring of pinned staging buffers
    buffered,  // reads through the page cache, and the same ring
};
[[nodiscard]] std::string_view load_way_name(LoadWay way);
[[nodiscard]] Result<LoadWay> parse_load_way(
    std::string_view name);  // usage: an unknown name, with the choices

// How a file is read for it.
[[nodiscard]] ReadWay read_way(LoadWay way);

// What of a file is in the page cache, 0 to 1; 0 where the system does not tell.
[[nodiscard]] double cached_share(const std::string& path);

struct ChosenWay {
    LoadWay way{};
    std::string why;  // "87 % of the file are in the page cache"
};
// By trial: direct reads, and an import that works, pay for a file that is not in the page cache.
[[nodiscard]] ChosenWay choose_load_way(host::Device& device, const std::string& path);

}  // namespace tuff
