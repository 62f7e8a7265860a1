#include "backend/plan/speed.hpp"

#include <gtest/gtest.h>

namespace tuff {
namespace {

TEST(Speed, IsThatOfTheSlowestPart) {
    const DeviceRates rates{100, 10, 1000};
    // 1 GB from memory: 10 ms.
    const Speed memory = predict({1, 1e9, 0, 1e9}, rates);
    EXPECT_DOUBLE_EQ(memory.tokens_per_second, 100);
    EXPECT_EQ(memory.limit, SpeedLimit::memory);
    // 1 GB over the bus: 100 ms, which hides the 1.9 GB that then pass through memory.
    const Speed bus = predict({1, 1e9, 1e9, 1e9}, rates);
    EXPECT_DOUBLE_EQ(bus.tokens_per_second, 10);
    EXPECT_EQ(bus.limit, SpeedLimit::bus);
    const Speed arithmetic = predict({512, 1e9, 0, 1e12}, rates);
    EXPECT_DOUBLE_EQ(arithmetic.tokens_per_second, 512);
    EXPECT_EQ(arithmetic.limit, SpeedLimit::arithmetic);
}

TEST(Speed, IsNotKnownWhereARateIsMissing) {
    for (const DeviceRates& rates : {DeviceRates{}, DeviceRates{100, 0, 0}, DeviceRates{0, 0, 1000}}) {
        EXPECT_EQ(predict({1, 1e9, 0, 1e9}, rates).tokens_per_second, 0);
        EXPECT_EQ(predict({1, 1e9, 0, 1e9}, rates).limit, SpeedLimit::none);
    }
    EXPECT_EQ(predict({1, 1e9, 1e9, 1e9}, {100, 0, 1000}).tokens_per_second, 0);
    EXPECT_GT(predict({1, 1e9, 0, 1e9}, {100, 0, 1000}).tokens_per_second, 0);
}

}  // namespace
}  // namespace tuff
