#include "bench/host_memory.hpp"

#include <fstream>
#include <string>

namespace tuff::bench {

std::uint64_t unreclaimable_bytes() {
    std::ifstream status("/proc/self/status");
    std::uint64_t kib = 0;
    for (std::string key; status >> key;) {
        std::uint64_t value = 0;
        if ((key == "RssAnon:" || key == "RssShmem:") && status >> value) kib += value;
    }
    return kib * 1024;
}

}  // namespace tuff::bench
