#include "backend/quantize/model.hpp"

#include <algorithm>
#include <chrono>

#include "backend/formats/plain.hpp"
#include "backend/gguf_writer.hpp"
#include "backend/printable.hpp"

namespace tuff {
namespace {

// Of a tensor's new bytes; with the pages of the input that are being read, all that is held in memory.
constexpr std::uint64_t kPieceBytes = std::uint64_t{32} << 20;
constexpr std::uint32_t kQuantizationVersion = 2;  // of the block layouts, as GGUF counts them

void set_key(std::vector<GgufKeyToWrite>& keys, std::string_view name, const GgufValue& value) {
    const auto found = std::ranges::find(keys, name, &GgufKeyToWrite::name);
    if (found != keys.end()) {
        found->value = value;
    } else {
        keys.push_back({std::string(name), value});
    }
}

std::vector<GgufKeyToWrite> metadata(const GgufFile& file, const ModelPlan& plan,
                                     const ImportanceFile* importance, const ModelOptions& options) {
    std::vector<GgufKeyToWrite> keys;
    for (const GgufKey& key : file.keys()) keys.push_back({std::string(key.name), key.value});
    set_key(keys, "general.file_type", plan.recipe->file_type);
    set_key(keys, "general.quantization_version", kQuantizationVersion);
    if (importance) {
        set_key(keys, "quantize.imatrix.file", std::string_view(options.importance_path));
        if (!importance->dataset().empty())
            set_key(keys, "quantize.imatrix.dataset", std::string_view(importance->dataset()));
        set_key(keys, "quantize.imatrix.entries_count", static_cast<std::uint32_t>(importance->count()));
        if (importance->chunks() != 0)
            set_key(keys, "quantize.imatrix.chunks_count", static_cast<std::uint32_t>(importance->chunks()));
    }
    return keys;
}

Rows rows_of(const GgufFile& file, const GgufTensor& tensor) {
    const std::uint64_t elements = tensor.dims[0];
    return {find_format(tensor.type->id), file.data(tensor).data(),
            elements == 0 ? 0 : tensor.elements / elements, elements};
}

class Conversion {
  public:
    Conversion(const GgufFile& file, GgufWriter& writer, const ModelOptions& options)
        : file_(file), writer_(writer), options_(options) {}

    Result<void> tensor(const PlannedTensor& planned) {
        const auto start = std::chrono::steady_clock::now();
        TensorResult result{&planned, {}, 0};
        if (planned.copied()) {
            TUFF_TRY(report, copy(planned));
            result.report = report;
        } else {
            TUFF_TRY(report, quantize(planned));
            result.report = report;
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        result.seconds = took.count();
        if (options_.done) options_.done(result);
        return {};
    }

  private:
    Result<QuantizeReport> copy(const PlannedTensor& planned) {
        const GgufTensor& tensor = *planned.from;
        QuantizeReport report;
        if (find_format(tensor.type->id) != nullptr)
            report = check_rows(rows_of(file_, tensor), options_.threads);
        TUFF_CHECK(accept(planned, report));
        TUFF_CHECK(writer_.write(file_.data(tensor)));
        advance(planned, tensor.bytes);
        return report;
    }

    Result<QuantizeReport> quantize(const PlannedTensor& planned) {
        const Rows all = rows_of(file_, *planned.from);
        const Encoder& encoder = *find_encoder(planned.type->id);
        const std::uint64_t row_bytes =
            all.elements / planned.type->block_elements * planned.type->block_bytes;
        const std::uint64_t rows_per_piece =
            std::max<std::uint64_t>(1, kPieceBytes / std::max<std::uint64_t>(1, row_bytes));
        QuantizeReport report;
        for (std::uint64_t first = 0; first < all.count; first += rows_per_piece) {
            Rows rows = all;
            rows.count = std::min(rows_per_piece, all.count - first);
            rows.data += first * all.bytes_per_row();
            blocks_.resize(rows.count * row_bytes);
            report.add(quantize_rows(rows, encoder, blocks_.data(), options_for(planned, first)),
                       first * all.elements);
            TUFF_CHECK(accept(planned, report));
            TUFF_CHECK(writer_.write(blocks_));
            advance(planned, rows.count * all.bytes_per_row());
        }
        return report;
    }

    [[nodiscard]] QuantizeOptions options_for(const PlannedTensor& planned, std::uint64_t first_row) const {
        QuantizeOptions options;
        options.threads = options_.threads;
        if (options_.measure) options.measure_with = find_format(planned.type->id);
        if (const ImportanceMatrix* importance = planned.importance) {
            options.importance.weights = importance->weights.data();
            if (importance->matrices > 1) options.importance.rows_per_matrix = planned.from->dims[1];
            options.importance.first_row = first_row;
        }
        return options;
    }

    [[nodiscard]] Result<void> accept(const PlannedTensor& planned, const QuantizeReport& report) const {
        if (options_.allow_nan) return {};
        if (report.non_finite != 0) {
            return fail(ErrorCode::malformed,
                        "{}: tensor '{}' has {} values that are not finite, the first at element {}; "
                        "--allow-nan accepts them",
                        file_.name(), printable(planned.from->name), report.non_finite,
                        report.first_non_finite);
        }
        if (report.too_large != 0 && is_plain(*planned.type)) {
            return fail(ErrorCode::malformed,
                        "{}: tensor '{}' has {} values beyond {}, the largest of {}; --allow-nan accepts "
                        "infinities",
                        file_.name(), printable(planned.from->name), report.too_large,
                        find_encoder(planned.type->id)->largest, planned.type->name);
        }
        return {};
    }

    void advance(const PlannedTensor& planned, std::uint64_t bytes) {
        done_ += bytes;
        if (options_.progress) options_.progress(planned, done_);
    }

    const GgufFile& file_;
    GgufWriter& writer_;
    const ModelOptions& options_;
    std::vector<std::byte> blocks_;
    std::uint64_t done_ = 0;  // bytes of the input
};

}  // namespace

Result<void> quantize_model(const GgufFile& file, const ModelPlan& plan, const std::string& output,
                            const ImportanceFile* importance, const ModelOptions& options) {
    std::vector<GgufTensorToWrite> tensors;
    for (const PlannedTensor& tensor : plan.tensors) {
        const auto dims = std::span(tensor.from->dims).first(tensor.from->n_dims);
        tensors.push_back({std::string(tensor.from->name), tensor.type, {dims.begin(), dims.end()}});
    }
    TUFF_TRY(writer, GgufWriter::create(output, metadata(file, plan, importance, options), tensors,
                                        file.alignment()));
    Conversion conversion(file, writer, options);
    for (const PlannedTensor& tensor : plan.tensors) TUFF_CHECK(conversion.tensor(tensor));
    return writer.finish();
}

}  // namespace tuff
