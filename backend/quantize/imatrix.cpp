#include "backend/quantize/imatrix.hpp"

#include <cmath>
#include <cstring>

#include "backend/printable.hpp"

namespace tuff {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";

Result<std::vector<float>> floats(const GgufFile& file, const GgufTensor& tensor) {
    if (tensor.type->name != "f32") {
        return fail(ErrorCode::malformed, "{}: tensor '{}' is {}, not f32", file.name(),
                    printable(tensor.name), tensor.type->name);
    }
    std::vector<float> values(tensor.elements);
    if (!values.empty()) std::memcpy(values.data(), file.data(tensor).data(), tensor.bytes);
    for (const float value : values) {
        if (!std::isfinite(value) || value < 0) {
            return fail(ErrorCode::malformed,
                        "{}: tensor '{}' holds {}; sums and counts are finite and not "
                        "negative",
                        file.name(), printable(tensor.name), value);
        }
    }
    return values;
}

Result<ImportanceMatrix> matrix(const GgufFile& file, const GgufTensor& sums, const GgufTensor& counts) {
    ImportanceMatrix matrix;
    matrix.columns = sums.dims[0];
    matrix.matrices = matrix.columns == 0 ? 0 : sums.elements / matrix.columns;
    if (counts.elements != matrix.matrices && counts.elements != 1) {
        return fail(ErrorCode::malformed, "{}: '{}' has {} rows, '{}' {} elements", file.name(),
                    printable(sums.name), matrix.matrices, printable(counts.name), counts.elements);
    }
    TUFF_TRY(sum, floats(file, sums));
    TUFF_TRY(count, floats(file, counts));
    matrix.weights = std::move(sum);
    for (std::uint64_t i = 0; i < matrix.weights.size(); i++) {
        const float times = count[count.size() == 1 ? 0 : i / matrix.columns];
        matrix.weights[i] = times > 0 ? matrix.weights[i] / times : 1.0f;
        if (!std::isfinite(matrix.weights[i]))
            return fail(ErrorCode::malformed,
                        "{}: tensor '{}' has a sum at element {} that is beyond float32 "
                        "when divided by its count of {}",
                        file.name(), printable(sums.name), i, times);
    }
    return matrix;
}

}  // namespace

Result<ImportanceFile> ImportanceFile::open(const std::string& path) {
    TUFF_TRY(file, GgufFile::open(path));
    TUFF_TRY(type, file.find<std::string_view>("general.type"));
    if (type.value_or("imatrix") != "imatrix") {
        return fail(ErrorCode::usage, "{}: general.type is '{}', not 'imatrix'", file.name(),
                    printable(*type));
    }
    ImportanceFile importance;
    for (const GgufTensor& sums : file.tensors()) {
        if (!sums.name.ends_with(kSums)) continue;
        const std::string name(sums.name.substr(0, sums.name.size() - kSums.size()));
        const GgufTensor* counts = file.find_tensor(name + std::string(kCounts));
        if (counts == nullptr) {
            return fail(ErrorCode::malformed, "{}: '{}' has no '{}{}'", file.name(), printable(sums.name),
                        printable(name), kCounts);
        }
        TUFF_TRY(weights, matrix(file, sums, *counts));
        importance.matrices_.emplace(name, std::move(weights));
    }
    if (importance.matrices_.empty()) {
        return fail(ErrorCode::usage,
                    "{}: no tensor is named '...{}'; an importance matrix is what "
                    "llama-imatrix writes as GGUF",
                    file.name(), kSums);
    }
    if (const GgufKey* key = file.find_key("imatrix.chunk_count"))
        importance.chunks_ = convert<std::uint64_t>(key->value).value_or(0);
    if (const GgufKey* key = file.find_key("imatrix.datasets")) {
        const auto names = convert<GgufArray>(key->value);
        if (names && names->count() > 0)
            importance.dataset_ = std::string(convert<std::string_view>(*names->begin()).value_or(""));
    }
    return importance;
}

const ImportanceMatrix* ImportanceFile::find(std::string_view tensor) const {
    const auto found = matrices_.find(std::string(tensor));
    return found == matrices_.end() ? nullptr : &found->second;
}

}  // namespace tuff
