// Loading weights by every way, into every layout, in place and through staging.
#include "backend/load/load.hpp"

#include <filesystem>
#include <fstream>

#include "backend/load/file_source.hpp"
#include "backend/load/xxh64.hpp"
#include "host/fault.hpp"
#include "host/import.hpp"
#include "host/simulated_card.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/host/device_fixture.hpp"

namespace tuff::test {
namespace {

// A file of blocks of several matrices, at offsets that are no multiples of anything, on a device and on a
// simulated card.
class LoadTest : public host::test::DeviceTest {
  protected:
    void SetUp() override {
        DeviceTest::SetUp();
        if (HasFatalFailure()) return;
        open_device();
        path_ = directory_.path("weights");
    }

    struct Stored {
        const Format* format;
        MatrixShape shape;
        std::uint64_t offset;
        std::vector<std::byte> blocks;
    };

    void write_file(std::initializer_list<std::pair<const char*, MatrixShape>> matrices) {
        Random random(11);
        std::ofstream out(path_, std::ios::binary);
        std::uint64_t at = 0;
        for (const auto& [format, shape] : matrices) {
            Stored one{find_format(format), shape, at + 34, {}};
            one.blocks = random_blocks(*one.format, shape.rows * shape.elements * shape.batches, random);
            out.write("a gap between matrices, 34 bytes..", 34);
            out.write(reinterpret_cast<const char*>(one.blocks.data()),
                      static_cast<std::streamsize>(one.blocks.size()));
            at = one.offset + one.blocks.size();
            stored_.push_back(std::move(one));
        }
    }

    // Weights to load the file into.
    std::vector<Weights> allocate(host::Device& device, Layout layout) {
        std::vector<Weights> all;
        for (const Stored& one : stored_) {
            Result<Weights> weights = Weights::allocate(device, *one.format, layout, one.shape, "w");
            EXPECT_TRUE(weights) << weights.error().message;
            all.push_back(std::move(*weights));
        }
        return all;
    }
    std::vector<LoadTask> tasks(std::vector<Weights>& weights) const {
        std::vector<LoadTask> all;
        for (std::size_t i = 0; i < weights.size(); i++) all.push_back({stored_[i].offset, &weights[i]});
        return all;
    }
    void expect_loaded(host::Device& device, const std::vector<Weights>& weights) const {
        for (std::size_t i = 0; i < weights.size(); i++) {
            std::vector<std::byte> again(stored_[i].blocks.size());
            const Result<void> read = weights[i].download(device, again);
            ASSERT_TRUE(read) << read.error().message;
            ASSERT_TRUE(again == stored_[i].blocks) << "matrix " << i;
        }
    }
    // Runs `test` on the device and, where one can be simulated, on a card.
    template <class Test>
    void on_both(const Test& test) {
        {
            SCOPED_TRACE("in place");
            test(*device_);
        }
        const auto card = host::simulate_card(probed(), 64 << 20);
        if (!card) {
            ASSERT_FALSE(host::software(probed())) << card.error().message;
            return;
        }
        auto opened = open(*card);
        ASSERT_TRUE(opened) << opened.error().message;
        SCOPED_TRACE("staged");
        test(**opened);
    }

    std::string path_;
    std::vector<Stored> stored_;
};

TEST_F(LoadTest, BringsEveryByteByEveryWayIntoEveryLayout) {
    write_file({{"q4_k", {100, 1024, 2}}, {"f16", {33, 77, 1}}, {"q8_0", {1000, 96, 1}}, {"f32", {1, 5, 3}}});
    on_both([&](host::Device& device) {
        for (const LoadWay way : {LoadWay::import, LoadWay::mapped, LoadWay::buffered})
            for (const Layout layout : {Layout::blocks, Layout::planes, Layout::lanes}) {
                SCOPED_TRACE(testing::Message() << load_way_name(way) << " into " << layout_name(layout));
                std::vector<Weights> weights = allocate(device, layout);
                const auto report = load_weights(device, path_, tasks(weights),
                                                 {.way = way, .slice_bytes = 20'000, .checksums = true});
                if (way == LoadWay::import && !report && report.error().code == ErrorCode::unsupported)
                    continue;  // no direct reads, or no import
                ASSERT_TRUE(report) << report.error().message;
                expect_loaded(device, weights);
                ASSERT_EQ(report->checksums.size(), stored_.size());
                for (std::size_t i = 0; i < stored_.size(); i++) {
                    Xxh64 sum;
                    sum.add(stored_[i].blocks);
                    EXPECT_EQ(report->checksums[i], sum.value());
                }
            }
    });
}

TEST_F(LoadTest, FindsAWayThatWorksByItself) {
    write_file({{"q4_0", {64, 256, 1}}});
    std::vector<Weights> weights = allocate(*device_, Layout::planes);
    const auto report = load_weights(*device_, path_, tasks(weights), {});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_FALSE(report->why.empty());
    EXPECT_EQ(report->bytes, stored_[0].blocks.size());
    expect_loaded(*device_, weights);
}

// A trial import is no promise: one of the three of the ring fails, whichever.
TEST_F(LoadTest, CopiesWhereTheDeviceDoesNotImportWhatItWasExpectedTo) {
    need_simulated_card(64 << 20);
    if (HasFatalFailure() || IsSkipped()) return;
    write_file({{"q4_0", {64, 256, 1}}, {"f16", {40, 64, 1}}});
    // A hole that is in no page cache makes direct reads pay.
    std::filesystem::resize_file(path_, 1 << 20);
    for (const std::uint64_t nth : {1U, 2U, 3U}) {
        SCOPED_TRACE(testing::Message() << "import " << nth);
        host::FaultInjector faults;
        const auto opened = open(*host::simulate_card(probed(), 64 << 20), {.dispatch_hook = faults.hook()});
        TUFF_OK(opened);
        host::Device& device = **opened;
        std::vector<Weights> weights = allocate(device, Layout::blocks);
        faults.fail_allocations(host::FaultInjector::kForever);
        const ChosenWay chosen = choose_load_way(device, path_);
        if (chosen.way != LoadWay::import) GTEST_SKIP() << chosen.why;
        const std::uint64_t trials = faults.allocations();
        faults.fail_allocations(trials + nth, 1);
        const auto report = load_weights(device, path_, tasks(weights), {});
        TUFF_OK(report);
        EXPECT_EQ(report->way, LoadWay::import);
        EXPECT_NE(report->why.find("did not import"), std::string::npos) << report->why;
        expect_loaded(device, weights);
        faults.fail_allocations(nth, 1);
        const auto asked_for = load_weights(device, path_, tasks(weights), {.way = LoadWay::import});
        ASSERT_FALSE(asked_for);
        EXPECT_EQ(asked_for.error().code, ErrorCode::unsupported) << asked_for.error().message;
        faults.fail_allocations(host::FaultInjector::kForever);
    }
}

TEST_F(LoadTest, HoldsNoMoreHostMemoryThanItsRings) {
    write_file({{"f32", {4096, 256, 1}}});  // 4 MiB
    on_both([&](host::Device& device) {
        std::vector<Weights> weights = allocate(device, Layout::planes);
        const auto report =
            load_weights(device, path_, tasks(weights), {.way = LoadWay::buffered, .slice_bytes = 64 << 10});
        ASSERT_TRUE(report) << report.error().message;
        EXPECT_LE(report->ring_bytes, 6 * (64 << 10) + 3 * (host::kTailBytes + 16384));
    });
}

TEST_F(LoadTest, SaysWhenTheFileBecomesShorterMeanwhile) {
    for (const LoadWay way : {LoadWay::import, LoadWay::mapped, LoadWay::buffered}) {
        stored_.clear();
        write_file({{"f32", {4096, 256, 1}}});
        std::vector<Weights> weights = allocate(*device_, Layout::planes);
        const auto report =
            load_weights(*device_, path_, tasks(weights),
                         {.way = way, .slice_bytes = 64 << 10, .progress = [&](const LoadProgress&) {
                              std::filesystem::resize_file(path_, 4096);
                              return true;
                          }});
        ASSERT_FALSE(report);
        if (way == LoadWay::import && report.error().code == ErrorCode::unsupported) continue;
        EXPECT_EQ(report.error().code, ErrorCode::io);
        EXPECT_NE(report.error().message.find("has become shorter"), std::string::npos)
            << report.error().message;
    }
}

TEST_F(LoadTest, EndsWhenItIsCancelled) {
    write_file({{"f32", {4096, 256, 1}}});
    std::vector<Weights> weights = allocate(*device_, Layout::planes);
    int calls = 0;
    const auto report = load_weights(
        *device_, path_, tasks(weights),
        {.way = LoadWay::buffered, .slice_bytes = 64 << 10, .progress = [&](const LoadProgress& progress) {
             EXPECT_EQ(progress.all_bytes, 4U << 20);
             return ++calls < 3;
         }});
    ASSERT_FALSE(report);
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(report.error().code, ErrorCode::cancelled);
    EXPECT_NE(report.error().message.find("cancelled"), std::string::npos) << report.error().message;
}

TEST_F(LoadTest, NamesAFileThatIsTooShortOrNotThere) {
    write_file({{"f32", {8, 32, 1}}});
    std::vector<Weights> weights = allocate(*device_, Layout::planes);
    std::vector<LoadTask> beyond = tasks(weights);
    beyond[0].offset += 1;
    for (const LoadWay way : {LoadWay::mapped, LoadWay::buffered}) {
        const auto report = load_weights(*device_, path_, beyond, {.way = way});
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::io);
        EXPECT_NE(report.error().message.find("bytes long"), std::string::npos) << report.error().message;
        EXPECT_FALSE(load_weights(*device_, path_ + ".missing", beyond, {.way = way}));
    }
    EXPECT_FALSE(load_weights(*device_, path_ + ".missing", beyond, {}));
}

}  // namespace
}  // namespace tuff::test
