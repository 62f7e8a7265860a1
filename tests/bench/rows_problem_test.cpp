// Rows looked up, converted and quantized on the device, and whether a check finds what is wrong.
#include "bench/rows_problem.hpp"

#include <gtest/gtest.h>

#include "bench/rows_cases.hpp"
#include "tests/bench/shared_session.hpp"

namespace tuff::bench {
namespace {

using test::shared_session;

RowsCase rows_case(Op op, const char* from, const char* to, std::uint64_t ids = 0) {
    RowsCase one;
    one.op = op;
    one.from = find_type(from);
    one.to = find_type(to);
    one.layout = preferred_layout(shared_session().snapshot());
    one.rows = 40;
    one.elements = 96;
    one.ids = ids;
    one.to_gap = 8;
    return one;
}

TEST(RowsProblem, EverySetGivesTheReferencesRowsAndWhatIsNotWrittenIsFound) {
    for (const RowsCase& one :
         {rows_case(Op::get_rows, "q8_0", "f32", 16), rows_case(Op::convert, "q8_0", "f16"),
          rows_case(Op::quantize, "f32", "q8_0")}) {
        const std::uint64_t touched = 3 * 40 * 96 * 4;
        auto problem = RowsProblem::create(shared_session(), one, 7, touched);
        ASSERT_TRUE(problem) << problem.error().message;
        EXPECT_GE(problem->rotation_bytes(), touched);
        ASSERT_GE(problem->sets(), 3U);
        auto check = problem->check(0, 1'000'000);
        ASSERT_TRUE(check) << check.error().message;
        EXPECT_NE(check->failure.find("row 0"), std::string::npos) << check->failure;
        for (const std::size_t set : {problem->sets() - 1, std::size_t{1}}) {
            host::Stream stream(shared_session().device());
            ASSERT_TRUE(problem->record(stream, set));
            ASSERT_TRUE(stream.finish());
            ASSERT_TRUE(stream.run());
            check = problem->check(set, 1'000'000);
            ASSERT_TRUE(check) << check.error().message;
            EXPECT_EQ(check->failure, "");
            EXPECT_EQ(check->elements_checked, (one.ids > 0 ? one.ids : one.rows) * one.elements);
        }
        // Other ids, other rows.
        if (one.ids > 0) {
            EXPECT_NE(problem->check(0, 1'000'000)->failure, "");
        }
    }
}

}  // namespace
}  // namespace tuff::bench
