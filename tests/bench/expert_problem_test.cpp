#include "bench/expert_problem.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/expert_cases.hpp"
#include "tests/bench/shared_session.hpp"

namespace tuff::bench {
namespace {

std::vector<ExpertCase> selected(const ExpertSelection& options, std::vector<std::uint64_t> n) {
    auto cases = select_experts(options, {find_format("q4_k")}, {}, n, {}, Layout::planes);
    EXPECT_TRUE(cases) << cases.error().message;
    return cases ? std::move(*cases) : std::vector<ExpertCase>{};
}

TEST(ExpertCases, AreValidForEveryKernelAndFormat) {
    for (const MatmulAlgorithm algorithm : all_matmul_algorithms())
        for (const Format* format : formats())
            for (const bool quick : {true, false}) {
                const auto cases = verify_expert_cases(algorithm, *format, quick);
                ASSERT_FALSE(cases.empty());
                EXPECT_TRUE(std::ranges::any_of(
                    cases, [](const ExpertCase& one) { return one.routing == Routing::hostile; }));
                for (const ExpertCase& one : cases)
                    EXPECT_TRUE(matrix_bytes(*format, Layout::blocks, one.shape.weights())) << one.text();
            }
}

TEST(ExpertCases, TakeAsManyExpertsAsAskedFor) {
    const auto usual = selected({}, {1, 512});
    ASSERT_EQ(usual.size(), 2u);
    EXPECT_EQ(usual[0].text(), "768x1x2048 8/128");
    EXPECT_EQ(usual[1].text(), "768x512x2048 8/128");
    EXPECT_EQ(selected({4, 0}, {3}).front().text(), "768x3x2048 4/4");
    EXPECT_EQ(selected({16, 2}, {3}).front().text(), "768x3x2048 2/16");
    const auto refused = select_experts({4, 5}, {find_format("q4_k")}, {}, {1}, {}, Layout::planes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "--used 5 is more than the 4 experts there are");
}

// A result that is not what the case's ids ask for must be found.
TEST(ExpertProblem, FindsWhatAWrongTableComputes) {
    Session& session = test::shared_session();
    ExpertCase one;
    one.format = find_format("q8_0");
    one.layout = preferred_layout(session.snapshot());
    one.shape = {.m = 40, .n = 1, .k = 64, .experts = 9, .used = 3, .shared_x = true};
    auto problem = ExpertProblem::create(session, one, 5, 1 << 20);
    ASSERT_TRUE(problem) << problem.error().message;
    ASSERT_GT(problem->sets(), 3u);
    EXPECT_EQ(problem->flops(), 2u * 3 * 40 * 64);
    host::Stream stream(session.device(), "checked");
    ASSERT_TRUE(problem->record(stream, 1));
    ASSERT_TRUE(stream.finish());
    ASSERT_TRUE(stream.run());
    const auto right = problem->check(1, {});
    ASSERT_TRUE(right) << right.error().message;
    EXPECT_EQ(right->failure, "");
    EXPECT_EQ(right->elements_checked, 120u);
    const auto wrong = problem->check(2, {});
    ASSERT_TRUE(wrong) << wrong.error().message;
    EXPECT_TRUE(wrong->failure.contains("are wrong; the worst, row ")) << wrong->failure;
}

}  // namespace
}  // namespace tuff::bench
