#include "backend/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace tuff::test {
namespace {

TEST(InParallel, RunsEveryJobOnce) {
    for (const unsigned threads : {0U, 1U, 3U, 64U})
        for (const std::uint64_t jobs : {0, 1, 2, 100}) {
            std::vector<std::atomic<int>> runs(jobs);
            in_parallel(jobs, threads, [&](std::uint64_t i) { runs[i]++; });
            for (const std::atomic<int>& one : runs) EXPECT_EQ(one, 1) << threads << ' ' << jobs;
        }
}

TEST(InParallel, ThrowsWhatAJobThrowsOnceAllHaveEnded) {
    for (const unsigned threads : {1U, 4U}) {
        std::atomic<int> under_way = 0;
        const auto job = [&](std::uint64_t i) {
            under_way++;
            if (i % 10 == 3) {
                under_way--;
                throw std::runtime_error("job " + std::to_string(i));
            }
            under_way--;
        };
        EXPECT_THROW(in_parallel(100, threads, job), std::runtime_error);
        EXPECT_EQ(under_way, 0);
    }
}

}  // namespace
}  // namespace tuff::test
