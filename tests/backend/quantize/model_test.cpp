#include "backend/quantize/model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "backend/model/gguf_model.hpp"
#include "backend/plan/assumed_device.hpp"
#include "backend/plan/weight_types.hpp"
#include "backend/plan/weights.hpp"
#include "backend/quantize/compare.hpp"
#include "tests/backend/quantize/small_model.hpp"
#include "tests/temporary_directory.hpp"

namespace tuff::test {
namespace {

class Model : public testing::Test {
  protected:
    std::string in() const { return directory_.path("in.gguf"); }
    std::string out() const { return directory_.path("out.gguf"); }

    Result<void> quantize(std::string_view recipe, PlanOptions plan_options = {}, ModelOptions options = {}) {
        TUFF_TRY(file, GgufFile::open(in()));
        plan_options.recipe = find_recipe(recipe);
        TUFF_TRY(plan, plan_model(file, plan_options));
        notes_ = plan.notes;
        return quantize_model(file, plan, out(), plan_options.importance, options);
    }

    TemporaryDirectory directory_;
    std::vector<std::string> notes_;
};

// Largest relative RMSE of a Gaussian row that FORMATS.md's table allows a type, by its bits per weight:
// fewer than 2, than 3, than 4, than 5, than 8, and more.
double allowed(const TypeInfo& type) {
    const double bits = type.bits_per_element();
    return bits < 2.5 ? 0.85 : bits < 3 ? 0.30 : bits < 4 ? 0.25 : bits < 5 ? 0.13 : bits < 8 ? 0.08 : 0.01;
}

// The types and bytes of a file are those that `tuff plan` counts.
void expect_as_planned(const GgufFile& before, const GgufFile& after, const Recipe& recipe) {
    const auto model = gguf_model(before);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const auto types = weight_types(*model, recipe.name);
    ASSERT_TRUE(types.has_value()) << types.error().message;
    const auto planned = plan_weights(*model, *types, Layout::planes, assumed_gpu(1 << 30));
    ASSERT_TRUE(planned.has_value()) << planned.error().message;
    std::uint64_t bytes = 0;
    for (const GgufTensor& tensor : after.tensors()) bytes += tensor.bytes;
    EXPECT_EQ(planned->file_bytes, bytes) << recipe.name;
}

TEST_F(Model, GoesThroughEveryRecipeWithinTheErrorOfItsTypesAndThePlansBytes) {
    write_small_model(in());
    const auto before = GgufFile::open(in());
    ASSERT_TRUE(before.has_value());
    std::size_t made = 0;
    for (const Recipe& recipe : recipes()) {
        const auto done = quantize(recipe.name);
        ASSERT_TRUE(done.has_value()) << recipe.name << ": " << done.error().message;
        const auto after = GgufFile::open(out());
        ASSERT_TRUE(after.has_value()) << recipe.name << ": " << after.error().message;
        EXPECT_EQ(after->get<std::uint64_t>("general.file_type").value_or(999), recipe.file_type);
        EXPECT_EQ(after->get<std::uint64_t>("general.quantization_version").value_or(0), 2u);
        EXPECT_EQ(after->get<std::string_view>("tokenizer.ggml.model").value_or(""), "none");
        ASSERT_NO_FATAL_FAILURE(expect_as_planned(*before, *after, recipe));
        const FileComparison comparison = compare_files(*before, *after, 1);
        ASSERT_EQ(comparison.tensors.size(), before->tensors().size());
        for (const TensorComparison& tensor : comparison.tensors) {
            EXPECT_LE(tensor.error.relative_rmse(),
                      tensor.a->type == tensor.b->type ? 0.0 : allowed(*tensor.b->type))
                << recipe.name << ' ' << tensor.a->name << ' ' << tensor.b->type->name;
        }
        made++;
    }
    EXPECT_GE(made, 20u);
}

TEST_F(Model, GivesTheSameBytesForAnyNumberOfThreads) {
    write_small_model(in());
    write_imatrix(directory_.path("imatrix.gguf"), small_tensors(2));
    const auto importance = ImportanceFile::open(directory_.path("imatrix.gguf"));
    ASSERT_TRUE(importance.has_value()) << importance.error().message;
    for (const ImportanceFile* weights : {static_cast<const ImportanceFile*>(nullptr), &*importance}) {
        std::string first;
        for (const unsigned threads : {1u, 2u, 7u}) {
            PlanOptions plan;
            plan.importance = weights;
            ModelOptions options;
            options.threads = threads;
            ASSERT_TRUE(quantize("q4_k_m", plan, options).has_value());
            const std::string bytes = read_file(out());
            if (first.empty()) first = bytes;
            EXPECT_EQ(bytes == first, true) << threads;
        }
    }
}

TEST_F(Model, CopiesEverythingElseAsItIs) {
    write_small_model(in());
    ASSERT_TRUE(quantize("q8_0").has_value());
    const auto before = GgufFile::open(in()), after = GgufFile::open(out());
    ASSERT_EQ(after->keys().size(), before->keys().size() + 1);  // quantization_version
    for (std::size_t i = 0; i < before->keys().size(); i++)
        EXPECT_EQ(after->keys()[i].name, before->keys()[i].name);
    const GgufTensor *norm = before->find_tensor("output_norm.weight"),
                     *again = after->find_tensor("output_norm.weight");
    EXPECT_TRUE(std::ranges::equal(before->data(*norm), after->data(*again)));
}

TEST_F(Model, RefusesValuesThatAreNotFiniteAndNamesThem) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        for (const char* name : {"blk.1.ffn_down.weight", "blk.0.attn_norm.weight"}) {
            write_small_model(in(), 2, [&](const std::string& tensor, std::vector<float>& values) {
                if (tensor == name) values[77] = values[200] = bad;
            });
            const auto done = quantize("q4_k_m");
            ASSERT_FALSE(done.has_value());
            EXPECT_EQ(done.error().code, ErrorCode::malformed);
            for (const std::string_view part :
                 {std::string_view(name), std::string_view("2 values"), std::string_view("element 77")})
                EXPECT_NE(done.error().message.find(part), std::string::npos) << done.error().message;
            EXPECT_FALSE(std::filesystem::exists(out()));

            ModelOptions options;
            options.allow_nan = true;
            ASSERT_TRUE(quantize("q4_k_m", {}, options).has_value());
            const auto before = GgufFile::open(in()), after = GgufFile::open(out());
            const GgufTensor* down = after->find_tensor("blk.1.ffn_down.weight");
            std::vector<float> values(down->elements);
            find_format(down->type->id)->decode(after->data(*down).data(), values.size(), values.data());
            for (const float value : values) ASSERT_TRUE(std::isfinite(value));
            std::filesystem::remove(out());
        }
    }
}

TEST_F(Model, RefusesToQuantizeTwiceUnlessToldTo) {
    write_small_model(in());
    ASSERT_TRUE(quantize("q8_0").has_value());
    std::filesystem::rename(out(), in());
    const auto done = quantize("q4_k_m");
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, ErrorCode::usage);
    EXPECT_NE(done.error().message.find("--requantize"), std::string::npos) << done.error().message;
    PlanOptions insist;
    insist.requantize = true;
    EXPECT_TRUE(quantize("q4_k_m", insist).has_value());
}

TEST_F(Model, ObeysOverridesAndRefusesThoseThatCannotBe) {
    write_small_model(in());
    PlanOptions options;
    for (const char* text : {"attn_.*=q5_k", "attn_q\\.weight$=q8_0"}) {
        auto parsed = parse_override(text);
        ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
        options.overrides.push_back(std::move(*parsed));
    }
    // attn_norm, a vector of 256, matches too: the user asked for it.
    ASSERT_TRUE(quantize("q4_k_m", options).has_value());
    const auto file = GgufFile::open(out());
    EXPECT_EQ(file->find_tensor("blk.0.attn_q.weight")->type->name, "q8_0");
    EXPECT_EQ(file->find_tensor("blk.1.attn_output.weight")->type->name, "q5_k");
    EXPECT_EQ(file->find_tensor("blk.0.ffn_down.weight")->type->name, "q4_k");

    for (const char* text : {"attn_q", "=q4_0", "attn_q=", "attn_q=q9_z", "attn_q=q8_k", "(=q4_0"}) {
        const auto parsed = parse_override(text);
        ASSERT_FALSE(parsed.has_value()) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::usage);
        EXPECT_NE(parsed.error().message.find(text), std::string::npos) << parsed.error().message;
    }
    PlanOptions nothing;
    nothing.overrides.push_back(*parse_override("no_such_tensor=q4_0"));
    EXPECT_FALSE(quantize("q4_k_m", nothing).has_value());
}

TEST_F(Model, RefusesAnImportanceMatrixOfAnotherModel) {
    write_small_model(in());
    const std::string path = directory_.path("imatrix.gguf");
    const auto expect_refused = [&](std::string_view message) {
        const auto importance = ImportanceFile::open(path);
        ASSERT_TRUE(importance.has_value()) << importance.error().message;
        PlanOptions options;
        options.importance = &*importance;
        const auto done = quantize("q4_k_m", options);
        ASSERT_FALSE(done.has_value());
        EXPECT_EQ(done.error().code, ErrorCode::usage);
        EXPECT_NE(done.error().message.find(message), std::string::npos) << done.error().message;
    };
    write_imatrix(path, {{"layers.0.wq", {256, 64}}});
    expect_refused("none of its 1 entries");
    write_imatrix(path, small_tensors(2), 2, 32);
    expect_refused("288 columns");
}

TEST_F(Model, WeighsByTheImportanceOfEachExpertAndRecordsIt) {
    write_small_model(in());
    const std::string path = directory_.path("imatrix.gguf");
    std::vector<SmallTensor> some = small_tensors(2);
    some.pop_back();  // not the output
    write_imatrix(path, some);
    const auto importance = ImportanceFile::open(path);
    ASSERT_TRUE(importance.has_value());
    EXPECT_EQ(importance->find("blk.0.ffn_gate_exps.weight")->matrices, 3u);
    PlanOptions options;
    options.importance = &*importance;
    ASSERT_TRUE(quantize("q4_k_m", options).has_value());
    EXPECT_EQ(notes_.size(), 1u);  // the output has no entry
    const auto file = GgufFile::open(out());
    EXPECT_EQ(file->get<std::uint64_t>("quantize.imatrix.entries_count").value_or(0), some.size());
    EXPECT_EQ(file->get<std::uint64_t>("quantize.imatrix.chunks_count").value_or(0), 3u);
    // An expert that was never used has no sums; its columns all weigh the same.
    write_imatrix(path, some, 0);
    const auto unused = ImportanceFile::open(path);
    ASSERT_TRUE(unused.has_value());
    for (const float weight : unused->find("blk.0.ffn_gate_exps.weight")->weights) ASSERT_EQ(weight, 1.0f);
}

TEST_F(Model, RefusesFilesThatAreNoImportanceMatrix) {
    write_small_model(in());
    const auto model = ImportanceFile::open(in());
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().code, ErrorCode::usage);
    write_imatrix(directory_.path("negative.gguf"), small_tensors(1), -1);
    const auto negative = ImportanceFile::open(directory_.path("negative.gguf"));
    ASSERT_FALSE(negative.has_value());
    EXPECT_EQ(negative.error().code, ErrorCode::malformed);
    write_imatrix(directory_.path("tiny.gguf"), small_tensors(1), std::numeric_limits<float>::denorm_min());
    const auto beyond = ImportanceFile::open(directory_.path("tiny.gguf"));
    ASSERT_FALSE(beyond.has_value());
    EXPECT_EQ(beyond.error().code, ErrorCode::malformed);
    for (const char* part : {"tiny.gguf", "token_embd.weight.in_sum2", "beyond float32"})
        EXPECT_TRUE(beyond.error().message.contains(part)) << beyond.error().message;
}

TEST(Rows, CountsWhatItCannotEncodeAndMeasuresTheRest) {
    constexpr std::uint64_t kRows = 300, kElements = 512;
    std::vector<float> values(kRows * kElements);
    for (std::size_t i = 0; i < values.size(); i++) values[i] = std::sin(static_cast<float>(i));
    values[100000] = std::numeric_limits<float>::infinity();
    values[150000] = std::numeric_limits<float>::quiet_NaN();
    values[7] = 1e30f;
    const Rows rows{find_format("f32"), reinterpret_cast<const std::byte*>(values.data()), kRows, kElements};
    const Encoder& encoder = *find_encoder("q8_0");
    std::vector<std::byte> one(values.size() / 32 * 34), four(one.size());
    QuantizeOptions options;
    options.measure_with = find_format("q8_0");
    const QuantizeReport report = quantize_rows(rows, encoder, one.data(), options);
    options.threads = 4;
    const QuantizeReport again = quantize_rows(rows, encoder, four.data(), options);
    EXPECT_EQ(one, four);
    EXPECT_EQ(report.non_finite, 2u);
    EXPECT_EQ(report.first_non_finite, 100000u);
    EXPECT_EQ(report.too_large, 1u);
    EXPECT_EQ(report.error.squared_error, again.error.squared_error);
    EXPECT_EQ(report.error.elements, values.size());
    EXPECT_EQ(check_rows(rows, 3).non_finite, 2u);
}

TEST(Rows, ReportsOfPiecesAddUpToThatOfTheWhole) {
    constexpr std::uint64_t kRows = 8, kElements = 64, kFirst = 5;
    std::vector<float> values(kRows * kElements);
    for (std::size_t i = 0; i < values.size(); i++) values[i] = std::sin(static_cast<float>(i));
    values[kFirst * kElements + 77] = 100;  // what is near it becomes zero
    values[kFirst * kElements + 78] = std::numeric_limits<float>::infinity();
    const Rows all{find_format("f32"), reinterpret_cast<const std::byte*>(values.data()), kRows, kElements};
    std::vector<std::byte> blocks(values.size() / 32 * 18);
    QuantizeOptions options;
    options.measure_with = find_format("q4_0");
    const auto report = [&](std::uint64_t first, std::uint64_t count) {
        return quantize_rows({all.format, all.data + first * all.bytes_per_row(), count, kElements},
                             *find_encoder("q4_0"), blocks.data(), options);
    };
    const QuantizeReport whole = report(0, kRows);
    QuantizeReport pieces = report(0, kFirst);
    pieces.add(report(kFirst, kRows - kFirst), kFirst * kElements);
    EXPECT_EQ(pieces.first_non_finite, whole.first_non_finite);
    EXPECT_GE(whole.error.worst_at, kFirst * kElements);
    EXPECT_EQ(pieces.error.worst_at, whole.error.worst_at);
    EXPECT_EQ(pieces.error.elements, whole.error.elements);
}

TEST(ErrorSums, AreWhatTheirNamesSay) {
    ErrorSums sums;
    const std::vector<float> a = {3, 4}, b = {3, 2};
    sums.add(a, b);
    EXPECT_DOUBLE_EQ(sums.rmse(), std::sqrt(2.0));
    EXPECT_DOUBLE_EQ(sums.relative_rmse(), 2.0 / 5.0);
    EXPECT_DOUBLE_EQ(sums.cosine(), 17 / (5 * std::sqrt(13.0)));
    EXPECT_EQ(sums.worst_at, 1u);
    ErrorSums later;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    later.add(std::vector<float>{nan, nan}, std::vector<float>{nan, 1});
    sums.add(later);
    EXPECT_EQ(sums.worst_at, 3u);
    EXPECT_TRUE(std::isinf(sums.worst));
}

}  // namespace
}  // namespace tuff::test
