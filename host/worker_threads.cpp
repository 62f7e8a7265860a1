#include "host/worker_threads.hpp"

#ifdef __linux__
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#endif

namespace tuff::host {

#ifdef __linux__
namespace {

// In the order in which they were started: the kernel lists them so, whatever their numbers.
std::vector<int> threads_of_process() {
    std::vector<int> ids;
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc/self/task", error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        int id = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), id).ec == std::errc{}) ids.push_back(id);
    }
    return ids;
}

std::string thread_name(int id) {
    std::ifstream file("/proc/self/task/" + std::to_string(id) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

std::vector<int> allowed_processors() {
    cpu_set_t set;
    std::vector<int> processors;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) processors.push_back(i);
    return processors;
}

}  // namespace

WorkerThreads::WorkerThreads() : before_(threads_of_process()) {}

std::size_t WorkerThreads::bind_lavapipe() const {
    const std::vector<int> processors = allowed_processors();
    if (processors.size() < 2) return 0;
    const std::string own_name = thread_name(static_cast<int>(gettid()));
    // Threads name themselves, once they run.
    constexpr int kAttempts = 20;
    constexpr std::chrono::microseconds kPause{500};
    for (int attempt = 0; attempt < kAttempts; attempt++) {
        if (attempt > 0) std::this_thread::sleep_for(kPause);
        std::vector<int> started = threads_of_process();
        std::erase_if(started, [this](int id) { return std::ranges::find(before_, id) != before_.end(); });
        if (started.size() < 2 * processors.size()) return 0;
        // A rasterizer named llvmpipe-N for each processor, then as many workers, which keep the name of the
        // thread that starts them.
        std::size_t rasterizers = 0;
        std::vector<int> workers;
        for (const int id : started) {
            const std::string name = thread_name(id);
            if (name.starts_with("llvmpipe-")) {
                rasterizers++;
            } else if (name == own_name && rasterizers > 0) {
                workers.push_back(id);
            }
        }
        if (rasterizers != processors.size() || workers.size() != processors.size()) continue;
        for (std::size_t i = 0; i < workers.size(); i++) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(processors[i], &one);
            if (sched_setaffinity(workers[i], sizeof one, &one) != 0) return i;
        }
        return workers.size();
    }
    return 0;
}
#else
WorkerThreads::WorkerThreads() = default;
std::size_t WorkerThreads::bind_lavapipe() const {
    return 0;
}
#endif

}  // namespace tuff::host
