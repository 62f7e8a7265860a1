// Quantizing a model: a plan, which costs nothing, and carrying it out, tensor by tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include <tuff/result.hpp>

#include "backend/gguf.hpp"
#include "backend/quantize/imatrix.hpp"
#include "backend/quantize/recipe.hpp"
#include "backend/quantize/rows.hpp"

namespace tuff {

// Tensors whose name the expression is found in become this type.
struct TypeOverride {
    std::string text;  // the expression as the user wrote it
    std::regex pattern;
    const TypeInfo* type;
};

// "REGEX=TYPE" (the last '=' divides). Error `usage`: no '=', a broken expression, a type without encoder.
[[nodiscard]] Result<TypeOverride> parse_override(const std::string& text);

struct PlanOptions {
    const Recipe* recipe = nullptr;
    std::vector<TypeOverride> overrides;
    const ImportanceFile* importance = nullptr;
    bool requantize = false;  // accept tensors that are quantized already
};

struct PlannedTensor {
    const GgufTensor* from;
    const TypeInfo* type;    // what it becomes
    std::uint64_t bytes;     // then
    bool fell_back = false;  // the recipe's type does not fit its row length
    bool overridden = false;
    const ImportanceMatrix* importance = nullptr;

    [[nodiscard]] bool copied() const { return type == from->type; }
};

struct ModelPlan {
    const Recipe* recipe;
    std::vector<PlannedTensor> tensors;
    std::vector<std::string> notes;  // what the user should know, a sentence each

    [[nodiscard]] std::uint64_t bytes_before() const;
    [[nodiscard]] std::uint64_t bytes_after() const;
    [[nodiscard]] double bits_per_weight_before() const;  // 0 without elements
    [[nodiscard]] double bits_per_weight_after() const;
};

// Errors, all of `usage`, before anything is written: a tensor that is quantized already, without requantize;
// a row length that nothing fits; an override that matches nothing or does not fit; an importance matrix of
// another shape than its tensor, or one that has none of the model's tensors; a part of a split model.
[[nodiscard]] Result<ModelPlan> plan_model(const GgufFile& file, const PlanOptions& options);

struct TensorResult {
    const PlannedTensor* tensor;
    QuantizeReport report;
    double seconds;
};

struct ModelOptions {
    unsigned threads = 1;
    bool allow_nan = false;
    bool measure = false;         // the error of every tensor that changes
    std::string importance_path;  // for the metadata
    std::function<void(const PlannedTensor&, std::uint64_t bytes_done)> progress;  // bytes of the input
    std::function<void(const TensorResult&)> done;
};

// Carries a plan out. Metadata are kept in order; general.file_type, general.quantization_version and what is
// known of the importance matrix (quantize.imatrix.*) are set. The output appears when all is well. Errors:
// `io`; `malformed` for values that are not finite or, in f16, would not stay so: the tensor, how many and
// where the first is.
[[nodiscard]] Result<void> quantize_model(const GgufFile& file, const ModelPlan& plan,
                                          const std::string& output, const ImportanceFile* importance,
                                          const ModelOptions& options);

}  // namespace tuff
