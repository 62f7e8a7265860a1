#include "backend/quantize/compare.hpp"

#include <algorithm>

#include "backend/arithmetic.hpp"
#include "backend/parallel.hpp"

namespace tuff {
namespace {

constexpr std::uint64_t kJobElements = std::uint64_t{1} << 16;  // a multiple of every block

ErrorSums compare_values(const GgufFile& a, const GgufTensor& in_a, const GgufFile& b, const GgufTensor& in_b,
                         unsigned threads) {
    const Format &format_a = *find_format(in_a.type->id), &format_b = *find_format(in_b.type->id);
    const std::uint64_t jobs = ceil_div(in_a.elements, kJobElements);
    std::vector<ErrorSums> sums(jobs);
    in_parallel(jobs, threads, [&](std::uint64_t job) {
        const std::uint64_t first = job * kJobElements, count = std::min(kJobElements, in_a.elements - first);
        const auto decode = [&](const GgufFile& file, const GgufTensor& tensor, const Format& format) {
            std::vector<float> values(count);
            const TypeInfo& type = *tensor.type;
            format.decode(file.data(tensor).data() + first / type.block_elements * type.block_bytes, count,
                          values.data());
            return values;
        };
        sums[job].add(decode(a, in_a, format_a), decode(b, in_b, format_b));
    });
    ErrorSums total;
    for (const ErrorSums& sum : sums) total.add(sum);
    return total;
}

TensorComparison compare_tensors(const GgufFile& a, const GgufTensor& in_a, const GgufFile& b,
                                 const GgufTensor& in_b, unsigned threads) {
    using enum TensorComparison::State;
    TensorComparison comparison{&in_a, &in_b, compared, {}};
    if (in_a.dims != in_b.dims) {
        comparison.state = shapes_differ;
    } else if (find_format(in_a.type->id) && find_format(in_b.type->id)) {
        comparison.error = compare_values(a, in_a, b, in_b, threads);
    } else {
        const bool same = in_a.type == in_b.type && std::ranges::equal(a.data(in_a), b.data(in_b));
        comparison.state = same ? same_bytes : different_bytes;
    }
    return comparison;
}

}  // namespace

FileComparison compare_files(const GgufFile& a, const GgufFile& b, unsigned threads) {
    FileComparison files;
    for (const GgufTensor& in_a : a.tensors()) {
        const GgufTensor* in_b = b.find_tensor(in_a.name);
        if (in_b == nullptr) {
            files.only_a.push_back(&in_a);
            continue;
        }
        files.tensors.push_back(compare_tensors(a, in_a, b, *in_b, threads));
        const ErrorSums& error = files.tensors.back().error;
        if (error.worst > files.total.worst) files.worst = files.tensors.size() - 1;
        files.total.add(error);
    }
    for (const GgufTensor& in_b : b.tensors())
        if (a.find_tensor(in_b.name) == nullptr) files.only_b.push_back(&in_b);
    return files;
}

}  // namespace tuff
