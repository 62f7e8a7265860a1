// Compiled pipelines kept on disk between runs. The file is ours outside (magic, key, length, hash of the
// rest, so that a damaged file never reaches the driver) and the driver's inside.
#include <unistd.h>
#include <tuff/log.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#include "host/device_core.hpp"

namespace tuff::host {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMagic = 0x3165686361637574;  // "tucache1"
constexpr std::uint64_t kLargestFile = std::uint64_t{256} << 20;

struct FileHeader {
    std::uint64_t magic = kMagic;
    std::uint64_t key = 0;
    std::uint64_t bytes = 0;
    std::uint64_t hash = 0;
};

// FNV-1a, 64 bit.
class Hash {
  public:
    void add(const void* data, std::size_t bytes) {
        const auto* at = static_cast<const unsigned char*>(data);
        for (std::size_t i = 0; i < bytes; ++i) value_ = (value_ ^ at[i]) * 0x100000001b3;
    }
    void add(std::string_view text) { add(text.data(), text.size()); }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325;
};

// The driver sorts its own entries out; the table is part of the key so that files do not grow with every
// build.
std::uint64_t cache_key(const DeviceSnapshot& device) {
    Hash hash;
    hash.add(device.device_uuid.data(), device.device_uuid.size());
    hash.add(device.driver_uuid.data(), device.driver_uuid.size());
    hash.add(device.pipeline_cache_uuid.data(), device.pipeline_cache_uuid.size());
    hash.add(&device.driver_version, sizeof device.driver_version);
    for (const shaders::Kernel& kernel : shaders::kernels()) {
        hash.add(kernel.name);
        hash.add(kernel.spirv.data(), kernel.spirv.size_bytes());
    }
    return hash.value();
}

// Empty: nowhere to keep it.
fs::path cache_file(const DeviceCore& core) {
    fs::path directory = core.options.pipeline_cache_directory;
    if (directory.empty()) {
        const char* cache = std::getenv("XDG_CACHE_HOME");
        const char* home = std::getenv("HOME");
        if (cache != nullptr && *cache == '/') {
            directory = fs::path(cache) / "tuff";
        } else if (home != nullptr && *home == '/') {
            directory = fs::path(home) / ".cache" / "tuff";
        } else {
            return {};
        }
    }
    return directory / fmt::format("pipelines-{:016x}.bin", cache_key(core.snapshot));
}

std::uint64_t hash_of(std::span<const char> data) {
    Hash hash;
    hash.add(data.data(), data.size());
    return hash.value();
}

// Whether the driver's own header names this very driver and device.
bool made_for(const DeviceSnapshot& device, std::span<const char> data) {
    VkPipelineCacheHeaderVersionOne header{};
    if (data.size() < sizeof header) return false;
    std::memcpy(&header, data.data(), sizeof header);
    return header.headerSize >= sizeof header &&
           header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
           header.vendorID == device.vendor_id && header.deviceID == device.device_id &&
           std::equal(device.pipeline_cache_uuid.begin(), device.pipeline_cache_uuid.end(),
                      header.pipelineCacheUUID);
}

// The driver's data, or nothing where the file is absent or not to be trusted.
std::vector<char> read_file(const fs::path& path, const DeviceCore& core) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) return {};
    FileHeader header;
    if (size < sizeof header || size > kLargestFile) return {};
    std::vector<char> data(static_cast<std::size_t>(size - sizeof header));
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    file.read(data.data(), static_cast<std::streamsize>(data.size()));
    const bool good = file.good() && header.magic == kMagic && header.key == cache_key(core.snapshot) &&
                      header.bytes == data.size() && header.hash == hash_of(data) &&
                      made_for(core.snapshot, data);
    if (good) return data;
    log(LogLevel::debug, "ignoring the pipeline cache {}: not whole, or of another driver", path.string());
    return {};
}

// Another process may read or write the same file: written aside, then renamed over it.
bool write_file(const fs::path& path, std::uint64_t key, std::span<const char> data) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    fs::path aside = path;
    aside += fmt::format(".{}", ::getpid());
    {
        std::ofstream file(aside, std::ios::binary | std::ios::trunc);
        const FileHeader header{kMagic, key, data.size(), hash_of(data)};
        file.write(reinterpret_cast<const char*>(&header), sizeof header);
        file.write(data.data(), static_cast<std::streamsize>(data.size()));
        file.close();
        if (!file) {
            fs::remove(aside, error);
            return false;
        }
    }
    fs::rename(aside, path, error);
    if (!error) return true;
    fs::remove(aside, error);
    return false;
}

}  // namespace

VkPipelineCache open_pipeline_cache(DeviceCore& core) {
    std::vector<char>& data = core.pipeline_cache_file;
    if (core.options.pipeline_cache) {
        const fs::path path = cache_file(core);
        if (!path.empty()) data = read_file(path, core);
        if (!data.empty()) log(LogLevel::debug, "pipeline cache {}: {} bytes", path.string(), data.size());
    }
    VkPipelineCacheCreateInfo info{};
    info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO;
    info.initialDataSize = data.size();
    info.pInitialData = data.data();
    VkPipelineCache cache = VK_NULL_HANDLE;
    if (core.vk.vkCreatePipelineCache(core.device, &info, nullptr, &cache) != VK_SUCCESS) {
        log(LogLevel::debug, "no pipeline cache on {}", core.snapshot.name);
        return VK_NULL_HANDLE;
    }
    return cache;
}

void save_pipeline_cache(DeviceCore& core) {
    if (!core.options.pipeline_cache || core.pipelines.empty() || core.pipeline_cache == VK_NULL_HANDLE)
        return;
    try {
        const fs::path path = cache_file(core);
        if (path.empty()) {
            log(LogLevel::debug, "pipelines are not kept: neither XDG_CACHE_HOME nor HOME is set");
            return;
        }
        std::size_t size = 0;
        if (core.vk.vkGetPipelineCacheData(core.device, core.pipeline_cache, &size, nullptr) != VK_SUCCESS)
            return;
        if (size > kLargestFile - sizeof(FileHeader)) return;
        std::vector<char> data(size);
        if (core.vk.vkGetPipelineCacheData(core.device, core.pipeline_cache, &size, data.data()) !=
            VK_SUCCESS)
            return;
        data.resize(size);
        if (data == core.pipeline_cache_file) return;
        if (!write_file(path, cache_key(core.snapshot), data)) {
            log(LogLevel::info, "pipelines are not kept: {} cannot be written", path.string());
        }
    } catch (const std::exception& error) {
        log(LogLevel::info, "pipelines are not kept: {}", error.what());
    }
}

}  // namespace tuff::host
