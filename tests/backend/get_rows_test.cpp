// Rows of every format in every layout against the CPU's decoder, which is exact.
#include "backend/get_rows.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/half.hpp"
#include "tests/backend/golden_file.hpp"
#include "tests/backend/kernel_needs.hpp"
#include "tests/backend/printing.hpp"
#include "tests/backend/random_blocks.hpp"
#include "tests/backend/shared_device.hpp"

namespace tuff::test {
namespace {

constexpr std::uint64_t kRows = 16;
constexpr std::uint8_t kUntouched = 0xa5;

// The bytes of y, y_offset of them before its first row, after the run; all that no row covers must be
// kUntouched.
std::vector<std::uint8_t> run(const GetRowsPlan& plan, const Weights& weights,
                              const std::vector<std::int32_t>& ids, std::uint64_t y_offset,
                              host::Device& device = shared_device()) {
    const host::Buffer ids_buffer =
        make_buffer(device, ids.empty() ? std::vector<std::int32_t>{0} : ids, "ids");
    const std::vector<std::uint8_t> before(y_offset + plan.y_bytes() + 9, kUntouched);
    const host::Buffer y = make_buffer(device, before, "y");
    host::Stream stream(device);
    const Result<void> recorded =
        record_get_rows(stream, device, plan, weights, {&ids_buffer}, {&y, y_offset});
    EXPECT_TRUE(recorded) << recorded.error().message;
    EXPECT_TRUE(stream.finish());
    for (int replay = 0; replay < 2; replay++) {
        const Result<void> done = stream.run();
        EXPECT_TRUE(done) << done.error().message;
    }
    return read_values<std::uint8_t>(device, y);
}

// Equal, or zeros of any sign, or NaN where NaN is meant.
::testing::AssertionResult same(float got, float wanted) {
    if (got == wanted || (std::isnan(got) && std::isnan(wanted))) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << got << " is not " << wanted;
}

void expect_rows(std::vector<std::uint8_t> bytes, const GetRowsPlan& plan, std::uint64_t y_offset,
                 const std::vector<float>& values, const std::vector<std::uint64_t>& rows) {
    const std::uint64_t k = plan.shape.elements;
    for (std::uint64_t i = 0; i < rows.size(); i++)
        for (std::uint64_t e = 0; e < k; e++) {
            std::uint8_t* at = bytes.data() + y_offset + i * plan.shape.y_stride + e * plan.element_bytes;
            const float wanted = values[rows[i] * k + e];
            if (plan.target == 0)
                ASSERT_TRUE(same(load<float>(at), wanted)) << "row " << i << " element " << e;
            else if (plan.target == 1)
                ASSERT_TRUE(same(load_half(at), half_to_float(float_to_half(wanted))))
                    << "row " << i << " element " << e;
            else
                ASSERT_TRUE(same(bfloat16_to_float(load<std::uint16_t>(at)),
                                 bfloat16_to_float(float_to_bfloat16(wanted))))
                    << "row " << i << " element " << e;
            std::fill_n(at, plan.element_bytes, kUntouched);
        }
    for (std::size_t i = 0; i < bytes.size(); i++)
        ASSERT_EQ(bytes[i], kUntouched) << "byte " << i << " is not part of y";
}

class GetRows : public testing::TestWithParam<std::tuple<const Format*, Layout>> {
  protected:
    void SetUp() override {
        const std::string missing = lacks(shared_device().snapshot(), kernel(*std::get<0>(GetParam())));
        if (!missing.empty()) GTEST_SKIP() << "this device has no " << missing;
    }
    Layout layout() const { return std::get<1>(GetParam()); }
    std::string kernel(const Format& format) const {
        const Result<GetRowsPlan> plan =
            plan_get_rows(shared_device().snapshot(), format, layout(), *find_type("f32"), {kRows, 256, 1});
        return plan ? plan->kernel : plan.error().message;
    }
    // Blocks of 16 rows of `elements`, and their values.
    void load(const Format& format, std::uint64_t elements) {
        blocks_ = format.name == "f32" || elements != 256
                      ? random_blocks(format, kRows * elements, random_)
                      : golden_file(std::string(format.name) + ".rnd.q.bin");
        blocks_.resize(kRows * elements / format.type().block_elements * format.type().block_bytes);
        values_.resize(kRows * elements);
        for (std::uint64_t r = 0; r < kRows; r++)
            format.decode(blocks_.data() + r * (blocks_.size() / kRows), elements,
                          values_.data() + r * elements);
    }
    Random random_{11};
    std::vector<std::byte> blocks_;
    std::vector<float> values_;
};

std::string layout_of(const testing::TestParamInfo<std::tuple<const Format*, Layout>>& parameters) {
    return std::string(std::get<0>(parameters.param)->name) + "_" +
           std::string(layout_name(std::get<1>(parameters.param)));
}
INSTANTIATE_TEST_SUITE_P(Layouts, GetRows,
                         testing::Combine(testing::ValuesIn(formats().begin(), formats().end()),
                                          testing::Values(Layout::lanes, Layout::planes, Layout::blocks)),
                         layout_of);

TEST_P(GetRows, GivesWhatTheDecoderGivesAndClampsIds) {
    const Format& format = *std::get<0>(GetParam());
    host::Device& device = shared_device();
    load(format, 256);
    const Result<Weights> weights = Weights::upload(device, format, layout(), {kRows, 256, 1}, blocks_, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    // Every other id is used; the last three are no rows.
    const std::vector<std::int32_t> ids{3, 99, 15, 99, 3, 99, 0, 99, 8, 99, 16, 99, -7, 99, 2147483647};
    const Result<GetRowsPlan> plan = plan_get_rows(device.snapshot(), format, layout(), *find_type("f32"),
                                                   {kRows, 256, 8, 2, 256 * 4 + 12});
    ASSERT_TRUE(plan) << plan.error().message;
    expect_rows(run(*plan, *weights, ids, 4), *plan, 4, values_, {3, 15, 3, 0, 8, 15, 0, 15});
    const Result<GetRowsPlan> all =
        plan_get_rows(device.snapshot(), format, layout(), *find_type("f32"), {kRows, 256});
    ASSERT_TRUE(all) << all.error().message;
    std::vector<std::uint64_t> rows(kRows);
    for (std::uint64_t r = 0; r < kRows; r++) rows[r] = r;
    expect_rows(run(*all, *weights, {}, 0), *all, 0, values_, rows);
}

class GetRowsOfPlain : public GetRows {};
INSTANTIATE_TEST_SUITE_P(Layouts, GetRowsOfPlain,
                         testing::Combine(testing::Values(find_format("f16"), find_format("q4_0")),
                                          testing::Values(Layout::lanes, Layout::planes, Layout::blocks)),
                         layout_of);

TEST_P(GetRowsOfPlain, RoundsToHalvesAtAnyEvenAddress) {
    const Format& format = *std::get<0>(GetParam());
    host::Device& device = shared_device();
    const std::uint64_t k = format.type().block_elements == 1 ? 45 : 96;
    load(format, k);
    const Result<Weights> weights = Weights::upload(device, format, layout(), {kRows, k, 1}, blocks_, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    for (const char* target : {"f16", "bf16"})
        for (const std::uint64_t stride : {k * 2, k * 2 + 2, k * 2 + 4}) {
            const Result<GetRowsPlan> plan = plan_get_rows(device.snapshot(), format, layout(),
                                                           *find_type(target), {kRows, k, 4, 1, stride});
            ASSERT_TRUE(plan) << plan.error().message;
            expect_rows(run(*plan, *weights, {1, 2, 14, 2}, 2), *plan, 2, values_, {1, 2, 14, 2});
        }
}

TEST_P(GetRowsOfPlain, FindsRowsInSeveralBuffers) {
    const Format& format = *std::get<0>(GetParam());
    load(format, 64);
    const std::uint64_t bytes = *matrix_bytes(format, layout(), {8, 64, 1});
    const std::unique_ptr<host::Device> small =
        open_device(host::kTailBytes + std::max<std::uint64_t>(bytes, 1100));
    std::vector<std::byte> many;
    for (int i = 0; i < 8; i++) many.insert(many.end(), blocks_.begin(), blocks_.end());
    const Result<Weights> weights = Weights::upload(*small, format, layout(), {128, 64, 1}, many, "w");
    ASSERT_TRUE(weights) << weights.error().message;
    ASSERT_GT(weights->shards.size(), 1u);
    const Result<GetRowsPlan> plan =
        plan_get_rows(small->snapshot(), format, layout(), *find_type("f32"), {128, 64, 4});
    ASSERT_TRUE(plan) << plan.error().message;
    expect_rows(run(*plan, *weights, {127, 64, 5, 1000}, 0, *small), *plan, 0, values_, {15, 0, 5, 15});
}

TEST(GetRowsErrors, NameWhatIsWrong) {
    host::Device& device = shared_device();
    const Format& f32 = *find_format("f32");
    const auto refusal = [&](const GetRowsShape& shape, const char* target = "f32") {
        const auto plan = plan_get_rows(device.snapshot(), f32, Layout::planes, *find_type(target), shape);
        return plan ? std::string() : plan.error().message;
    };
    EXPECT_NE(refusal({4, 32, 2, 1, 127}).find("127 bytes apart"), std::string::npos);
    EXPECT_NE(refusal({4, 32, 2, 0}).find("ids 0 apart"), std::string::npos);
    EXPECT_NE(refusal({4, 32, 2, 1u << 30}).find("1 to 1073741823"), std::string::npos);
    EXPECT_NE(refusal({4, 32, std::uint64_t{1} << 57}).find("limit of 2147483648"), std::string::npos);
    EXPECT_NE(refusal({4, 32, 2}, "q8_0").find("not q8_0"), std::string::npos);
    EXPECT_NE(refusal({4, (1u << 25) + 1, 2}).find("limit"), std::string::npos);
    const auto plan = plan_get_rows(device.snapshot(), f32, Layout::planes, *find_type("f32"), {4, 32});
    ASSERT_TRUE(plan) << plan.error().message;
    const host::Buffer y = make_buffer(device, std::vector<float>(4 * 32), "y");
    host::Stream stream(device);
    const Result<void> none = record_get_rows(stream, device, *plan, Weights{}, {}, {&y});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::usage);
    EXPECT_EQ(none.error().message, "weights of no bytes, where the plan has f32");
    const Result<void> ids = check_ids(std::vector<std::int32_t>{0, 3, -1}, 4);
    ASSERT_FALSE(ids);
    EXPECT_EQ(ids.error().message, "id -1 at place 2 is not one of 4 rows");
    EXPECT_TRUE(check_ids(std::vector<std::int32_t>{0, 3}, 4));
}

}  // namespace
}  // namespace tuff::test
