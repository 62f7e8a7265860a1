#include "host/queue.hpp"

#include <gtest/gtest.h>

namespace tuff::host::test {
namespace {

DeviceSnapshot with_families(std::vector<QueueFamily> families) {
    DeviceSnapshot device;
    device.queue_families = std::move(families);
    return device;
}

constexpr QueueFamily all{1, true, true, true, 64}, all_of_16{16, true, true, true, 64},
    compute{8, false, true, true, 64}, copies{2, false, false, true, 64}, video{1, false, false, false, 0};

TEST(TransferQueue, IsACopyEngineWhereThereIsOne) {
    EXPECT_EQ(transfer_queue(with_families({all_of_16, copies, compute})), (QueuePlace{1, 0}));
    EXPECT_EQ(transfer_queue(with_families({all, video, copies})), (QueuePlace{2, 0}));
}

TEST(TransferQueue, IsASecondQueueOfTheComputeFamilyElsewhere) {
    EXPECT_EQ(transfer_queue(with_families({all_of_16, compute})), (QueuePlace{0, 1}));
}

TEST(TransferQueue, IsAnotherComputeFamilyAtLast) {
    EXPECT_EQ(transfer_queue(with_families({all, compute})), (QueuePlace{1, 0}));
}

TEST(TransferQueue, IsMissingWhereThereIsOneQueue) {
    EXPECT_EQ(transfer_queue(with_families({all})), std::nullopt);
    EXPECT_EQ(transfer_queue(with_families({all, video})), std::nullopt);
    EXPECT_EQ(transfer_queue(with_families({})), std::nullopt);
}

}  // namespace
}  // namespace tuff::host::test
