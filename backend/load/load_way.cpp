#include "backend/load/load_way.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "backend/arithmetic.hpp"
#include "backend/mapped_file.hpp"
#include "host/import.hpp"

namespace tuff {
namespace {

constexpr std::array kWays = {LoadWay::import, LoadWay::mapped, LoadWay::buffered};

// Whether a few pages of ours can be imported, tried out.
bool imports(host::Device& device) {
    const std::uint64_t alignment = host::import_alignment(device.snapshot());
    if (alignment == 0) return false;
    const Result<host::HostMemory> pages = host::HostMemory::allocate(2 * host::kTailBytes, alignment);
    return pages && host::import_host(device, pages->bytes(), "trial");
}

}  // namespace

std::string_view load_way_name(LoadWay way) {
    switch (way) {
        case LoadWay::import:
            return "import";
        case LoadWay::mapped:
            return "mapped";
        case LoadWay::buffered:
            return "buffered";
    }
    return "";
}

Result<LoadWay> parse_load_way(std::string_view name) {
    for (const LoadWay way : kWays)
        if (name == load_way_name(way)) return way;
    return fail(ErrorCode::usage, "unknown way to load '{}'; the ways are import, mapped, buffered", name);
}

ReadWay read_way(LoadWay way) {
    switch (way) {
        case LoadWay::import:
            return ReadWay::direct;
        case LoadWay::mapped:
            return ReadWay::mapped;
        case LoadWay::buffered:
            break;
    }
    return ReadWay::buffered;
}

double cached_share(const std::string& path) {
    const Result<MappedFile> file = MappedFile::open(path);
    if (!file || file->size() == 0) return 0;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> pages(ceil_div(file->size(), page));
    if (::mincore(const_cast<std::byte*>(file->bytes().data()), file->size(), pages.data()) != 0) return 0;
    const auto cached = std::ranges::count_if(pages, [](unsigned char flags) { return (flags & 1) != 0; });
    return static_cast<double>(cached) / static_cast<double>(pages.size());
}

ChosenWay choose_load_way(host::Device& device, const std::string& path) {
    const double cached = cached_share(path);
    if (cached >= 0.5)
        return {LoadWay::buffered, fmt::format("{:.0f} % of the file are in the page cache", cached * 100)};
    if (!imports(device))
        return {LoadWay::buffered, fmt::format("{} does not import host memory", device.snapshot().name)};
    if (const auto direct = FileSource::open(path, ReadWay::direct); !direct)
        return {LoadWay::buffered, direct.error().message};
    return {LoadWay::import,
            fmt::format("{:.0f} % of the file are in the page cache, and direct reads and imports work",
                        cached * 100)};
}

}  // namespace tuff
