#include "backend/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace tuff {

void in_parallel(std::uint64_t jobs, unsigned threads, const std::function<void(std::uint64_t)>& job) {
    std::atomic<std::uint64_t> next = 0;
    std::exception_ptr thrown;
    std::once_flag once;
    const auto work = [&] {
        try {
            for (std::uint64_t i = next++; i < jobs; i = next++) job(i);
        } catch (...) {
            std::call_once(once, [&] { thrown = std::current_exception(); });
            next = jobs;
        }
    };
    {
        std::vector<std::jthread> others;
        try {
            for (std::uint64_t i = 1; i < std::min<std::uint64_t>(threads, jobs); i++)
                others.emplace_back(work);
        } catch (const std::system_error&) {  // those that there are do it
        }
        work();
    }
    if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tuff
