// The streaming order under random timings: every computation finds its own weights, and nothing gets stuck.
#include "backend/residency/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <random>

namespace tuff::test {
namespace {

using Step = StreamSchedule::Step;

// Two queues that take a random time for each step and start it only when what it comes after is over; what a
// real device does with a schedule.
class Device {
  public:
    Device(std::vector<bool> streamed, std::uint32_t slots, std::uint64_t passes, std::uint32_t ahead,
           unsigned seed)
        : streamed_(std::move(streamed)),
          uses_(streamed_.size() * passes),
          schedule_(streamed_, slots, passes, ahead),
          slots_(slots),
          random_(seed) {}

    // Runs to the end; the time it took.
    double run() {
        double now = 0;
        while (!schedule_.finished()) {
            while (const auto step = schedule_.next()) queue(*step).waiting.push_back(*step);
            start(copies_, now);
            start(computes_, now);
            const double next = std::min(copies_.until(), computes_.until());
            if (next == std::numeric_limits<double>::infinity()) {
                ADD_FAILURE() << "stuck after " << computed_ << " of " << uses_ << " computations";
                return now;
            }
            now = next;
            end(copies_, now);
            end(computes_, now);
        }
        EXPECT_EQ(computed_, uses_);
        return now;
    }

    double copying = 0, computing = 0;  // time each queue was busy
    std::function<double(const Step&)> duration = [this](const Step&) {
        return std::uniform_real_distribution<double>(0.1, 5.0)(random_);
    };

  private:
    struct InOrder {
        std::deque<Step> waiting;
        std::optional<Step> running;
        double end = 0;
        double until() const { return running ? end : std::numeric_limits<double>::infinity(); }
    };
    InOrder& queue(const Step& step) { return step.kind == Step::Kind::copy ? copies_ : computes_; }

    bool may_start(const Step& step) const {
        if (!step.after) return true;
        const std::vector<bool>& over = step.kind == Step::Kind::copy ? compute_over_ : copy_over_;
        return over.at(*step.after);
    }

    void start(InOrder& in, double now) {
        if (in.running || in.waiting.empty() || !may_start(in.waiting.front())) return;
        in.running = in.waiting.front();
        in.waiting.pop_front();
        const double took = duration(*in.running);
        in.end = now + took;
        if (in.running->kind == Step::Kind::copy) {
            copying += took;
            Slot& slot = slots_.at(*in.running->slot);
            EXPECT_FALSE(slot.being_read) << "use " << in.running->use << " overwrites weights in use";
            slot.holds.reset();
        } else {
            computing += took;
            if (in.running->slot) {
                Slot& slot = slots_.at(*in.running->slot);
                EXPECT_EQ(slot.holds, std::optional(in.running->use));
                slot.being_read = true;
            } else {
                EXPECT_FALSE(streamed_[in.running->unit]);
            }
        }
    }

    void end(InOrder& in, double now) {
        if (!in.running || in.end > now) return;
        const Step step = *in.running;
        in.running.reset();
        if (step.kind == Step::Kind::copy) {
            slots_.at(*step.slot).holds = step.use;
            copy_over_.at(step.use) = true;
            return;
        }
        EXPECT_EQ(step.use, computed_) << "computations run in order";
        EXPECT_EQ(step.unit, step.use % streamed_.size());
        if (step.slot) slots_.at(*step.slot).being_read = false;
        compute_over_.at(step.use) = true;
        computed_++;
        schedule_.computed(step.use);
    }

    struct Slot {
        std::optional<std::uint64_t> holds;
        bool being_read = false;
    };
    std::vector<bool> streamed_;
    std::uint64_t uses_;
    StreamSchedule schedule_;
    std::vector<Slot> slots_;
    std::mt19937 random_;
    InOrder copies_, computes_;
    std::vector<bool> compute_over_ = std::vector<bool>(uses_), copy_over_ = std::vector<bool>(uses_);
    std::uint64_t computed_ = 0;
};

TEST(StreamSchedule, GivesEveryComputationItsWeightsUnderRandomTimings) {
    std::mt19937 random(20261125);
    for (unsigned round = 0; round < 400; round++) {
        std::vector<bool> streamed(1 + random() % 9);
        const auto share = static_cast<unsigned>(random() % 5);
        for (std::size_t i = 0; i < streamed.size(); i++) streamed[i] = random() % 4 < share;
        const std::uint32_t slots = 2 + static_cast<std::uint32_t>(random() % 3),
                            ahead = 1 + static_cast<std::uint32_t>(random() % 4);
        SCOPED_TRACE(testing::Message() << "round " << round << " units " << streamed.size() << " slots "
                                        << slots << " ahead " << ahead);
        Device(streamed, slots, 1 + random() % 4, ahead, round).run();
        if (testing::Test::HasFailure()) return;
    }
}

TEST(StreamSchedule, HidesTheShorterOfCopyAndComputation) {
    // Copies of 3, computations of 2: the copies bind, but for the first one nothing waits for them twice.
    Device device(std::vector<bool>(8, true), 2, 10, 2, 1);
    device.duration = [](const Step& step) { return step.kind == Step::Kind::copy ? 3.0 : 2.0; };
    EXPECT_DOUBLE_EQ(device.run(), 80 * 3.0 + 2.0);

    Device bound_by_compute(std::vector<bool>(8, true), 2, 10, 2, 1);
    bound_by_compute.duration = [](const Step& step) { return step.kind == Step::Kind::copy ? 2.0 : 3.0; };
    EXPECT_DOUBLE_EQ(bound_by_compute.run(), 2.0 + 80 * 3.0);
}

TEST(StreamSchedule, CopiesTheNextPassWhileThisOneEnds) {
    // One streamed unit among four: with the pass before it to hide in, its copy costs nothing after the
    // first.
    Device device({true, false, false, false}, 2, 5, 2, 1);
    device.duration = [](const Step& step) { return step.kind == Step::Kind::copy ? 3.0 : 1.0; };
    EXPECT_DOUBLE_EQ(device.run(), 3.0 + 5 * 4.0);
}

TEST(StreamSchedule, NeedsNoCopyWhereNothingIsStreamed) {
    StreamSchedule schedule({false, false}, 2, 1, 4);
    EXPECT_EQ(schedule.next(), (Step{Step::Kind::compute, 0, 0, {}, {}}));
    EXPECT_EQ(schedule.next(), (Step{Step::Kind::compute, 1, 1, {}, {}}));
    EXPECT_EQ(schedule.next(), std::nullopt);
    schedule.computed(0);
    EXPECT_FALSE(schedule.finished());
    schedule.computed(1);
    EXPECT_TRUE(schedule.finished());
}

}  // namespace
}  // namespace tuff::test
