#include "bench/transfers.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/transfer_paths.hpp"
#include "tests/bench/shared_session.hpp"

namespace tuff::bench {
namespace {

TEST(Transfers, EveryPathDeliversEveryByte) {
    const auto rows = measure_transfers(test::shared_session(), std::uint64_t{3} << 20, {1, 0});
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->size(), transfer_kinds().size() + 1);
    for (const CaseResult& row : *rows) {
        EXPECT_EQ(row.op, Op::transfer);
        EXPECT_NE(row.status, Status::fail) << row.label << ": " << row.reason;
        EXPECT_EQ(row.status == Status::unsupported, !row.reason.empty()) << row.label;
        EXPECT_EQ(row.status == Status::pass, row.gbps.has_value()) << row.label;
    }
    // No device is without these.
    for (const char* label :
         {"to device: copy of pinned memory", "to device: memcpy and copy through staging",
          "to host: copy and memcpy through staging", "read: kernel reading pinned memory"}) {
        const auto row = std::ranges::find(*rows, label, &CaseResult::label);
        ASSERT_NE(row, rows->end()) << label;
        EXPECT_EQ(row->status, Status::pass) << label;
    }
}

// What is compared with an earlier run is found by its label.
TEST(Transfers, LabelsDiffer) {
    std::vector<std::string> labels;
    for (const TransferKind& kind : transfer_kinds())
        labels.push_back(std::string(kind.direction) + ": " + std::string(kind.way));
    std::ranges::sort(labels);
    EXPECT_EQ(std::ranges::adjacent_find(labels), labels.end());
}

}  // namespace
}  // namespace tuff::bench
