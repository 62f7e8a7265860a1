#include "bench/rows_cases.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/selection.hpp"

namespace tuff::bench {
namespace {

constexpr Op kRowsOps[] = {Op::get_rows, Op::convert, Op::quantize};

std::vector<const TypeInfo*> listed_types(Op op) {
    if (op == Op::quantize) return quantized_types();
    std::vector<const TypeInfo*> types;
    for (const Format* format : formats()) types.push_back(&format->type());
    return types;
}

TEST(VerifyRowsCases, ArePlannableForEveryTypeAndPlainSide) {
    host::DeviceSnapshot device;
    device.limits.max_workgroup_count[0] = 65535;
    for (const Op op : kRowsOps)
        for (const TypeInfo* type : listed_types(op))
            for (const bool quick : {true, false}) {
                const auto cases = verify_rows_cases(op, *type, Layout::planes, quick);
                ASSERT_FALSE(cases.empty());
                for (const RowsCase& one : cases) {
                    EXPECT_EQ(&one.listed(), type);
                    const auto plan = plan_rows(device, one);
                    EXPECT_TRUE(plan) << row_bytes(*type, one.elements).value() << plan.error().message;
                }
                for (const char* plain : {"f32", "f16", "bf16"}) {
                    const bool any = std::ranges::any_of(cases, [&](const RowsCase& one) {
                        return (op == Op::quantize ? one.from : one.to) == find_type(plain);
                    });
                    EXPECT_TRUE(any || quick) << plain;
                }
            }
}

TEST(VerifyRowsCases, HoldOnesTailsGapsLongRowsAndHostileData) {
    for (const Op op : kRowsOps) {
        const auto cases = verify_rows_cases(op, *find_type("f16"), Layout::lanes, false);
        const auto any = [&](auto holds) { return std::ranges::any_of(cases, holds); };
        EXPECT_TRUE(any([](const RowsCase& c) { return c.rows == 1; }));
        EXPECT_TRUE(any([](const RowsCase& c) { return c.elements % 32 != 0 && c.to_gap > 0 && c.hostile; }));
        EXPECT_TRUE(any([](const RowsCase& c) { return c.elements > 65536; }));
        EXPECT_EQ(any([](const RowsCase& c) { return c.ids > c.rows; }), op == Op::get_rows);
    }
}

TEST(SelectRows, TakesEveryCombinationAndNamesWhatAnOpDoesNotTake) {
    SelectionOptions options;
    options.ops = "get_rows,convert,quantize";
    options.formats = "q8_0,f16";
    options.plain = "f32,bf16";
    options.m = {64};
    options.k = {32, 96};
    options.n = {5};
    const auto some = select_cases(options, nullptr, {});
    ASSERT_TRUE(some) << some.error().message;
    EXPECT_TRUE(some->products.empty());
    ASSERT_EQ(some->rows.size(), 3U * 2 * 2 * 2);
    EXPECT_EQ(some->rows[0].describe().formats, "q8_0");
    EXPECT_EQ(some->rows[0].text(), "5 of 64x32");
    EXPECT_EQ(some->rows[0].describe().label, "to f32");
    EXPECT_EQ(some->rows.back().text(), "64x96");
    EXPECT_EQ(some->rows.back().describe().label, "from bf16");

    const auto refusal = [](const char* ops, const char* formats, const char* plain = "",
                            std::uint64_t k = 256) {
        SelectionOptions wrong;
        wrong.ops = ops;
        wrong.formats = formats;
        wrong.plain = plain;
        wrong.k = {k};
        const auto selection = select_cases(wrong, nullptr, {});
        return selection ? std::string() : selection.error().message;
    };
    EXPECT_NE(refusal("quantize", "q6_k").find("quantize does not take 'q6_k'; there are: f16, bf16, q8_0"),
              std::string::npos);
    EXPECT_EQ(refusal("quantize", "q8_1"), "");
    EXPECT_NE(refusal("convert", "q8_1").find("convert does not take 'q8_1'"), std::string::npos);
    EXPECT_NE(refusal("convert", "q4_0", "q8_0").find("'q8_0'; there are: f32, f16, bf16"),
              std::string::npos);
    EXPECT_NE(refusal("convert", "q4_k", "f32", 100).find("256"), std::string::npos);
    EXPECT_NE(refusal("matvec", "q4_k", "f32").find("--plain"), std::string::npos);
}

TEST(SelectRows, AreMeasuredOnlyWhenAskedFor) {
    EXPECT_TRUE(select_cases({}, nullptr, {})->rows.empty());
}

}  // namespace
}  // namespace tuff::bench
