#include "host/worker_threads.hpp"

#include <gtest/gtest.h>

#ifdef __linux__
#include <pthread.h>
#include <sched.h>

#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace tuff::host::test {
namespace {

std::vector<int> processors_of(pthread_t thread) {
    cpu_set_t set;
    std::vector<int> processors;
    EXPECT_EQ(pthread_getaffinity_np(thread, sizeof set, &set), 0);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) processors.push_back(i);
    return processors;
}

// Threads as lavapipe starts them: rasterizers by their name, then workers without one.
class Driver {
  public:
    Driver(std::size_t rasterizers, std::size_t workers) : rasterizers_(rasterizers) {
        for (std::size_t i = 0; i < rasterizers + workers; i++) {
            std::latch named(1);
            threads_.emplace_back([this, i, &named] {
                if (i < rasterizers_)
                    pthread_setname_np(pthread_self(), ("llvmpipe-" + std::to_string(i)).c_str());
                named.count_down();
                over_.wait();
            });
            named.wait();
        }
    }
    ~Driver() {
        over_.count_down();
        for (std::thread& thread : threads_) thread.join();
    }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    std::vector<int> rasterizer(std::size_t i) { return processors_of(threads_[i].native_handle()); }
    std::vector<int> worker(std::size_t i) {
        return processors_of(threads_[rasterizers_ + i].native_handle());
    }

  private:
    std::size_t rasterizers_;
    std::latch over_{1};
    std::vector<std::thread> threads_;
};

TEST(WorkerThreads, AreBoundToAProcessorEach) {
    const std::vector<int> all = processors_of(pthread_self());
    if (all.size() < 2) GTEST_SKIP() << "this process may use one processor";
    Driver earlier(all.size(), all.size());
    const WorkerThreads threads;
    Driver driver(all.size(), all.size());
    EXPECT_EQ(threads.bind_lavapipe(), all.size());
    for (std::size_t i = 0; i < all.size(); i++) {
        EXPECT_EQ(driver.worker(i), std::vector{all[i]});
        EXPECT_EQ(driver.rasterizer(i), all);
        EXPECT_EQ(earlier.worker(i), all);
    }
    EXPECT_EQ(processors_of(pthread_self()), all);
}

TEST(WorkerThreads, StayFreeWhereTheyAreNotOneForEachProcessor) {
    const std::vector<int> all = processors_of(pthread_self());
    const auto expect_free = [&all](std::size_t rasterizers, std::size_t workers) {
        const WorkerThreads threads;
        Driver driver(rasterizers, workers);
        EXPECT_EQ(threads.bind_lavapipe(), 0U) << rasterizers << " rasterizers, " << workers << " workers";
        for (std::size_t i = 0; i < workers; i++) EXPECT_EQ(driver.worker(i), all);
    };
    expect_free(all.size(), all.size() + 1);
    expect_free(all.size(), all.size() - 1);
    expect_free(all.size() + 1, all.size() + 1);
    expect_free(0, all.size());
    expect_free(0, 0);
}

}  // namespace
}  // namespace tuff::host::test
#endif
