// Planning: which tensor becomes what, and everything that can be refused before a byte is written.
#include <fmt/ranges.h>

#include <algorithm>

#include "backend/printable.hpp"
#include "backend/quantize/model.hpp"

namespace tuff {
namespace {

bool is_block_type(const TypeInfo& type) {
    return type.block_elements > 1;
}

// Types for activations exist in no file.
bool can_be_written(const TypeInfo& type) {
    return find_encoder(type.id) != nullptr && find_format(type.id) != nullptr;
}

std::string writable_names() {
    std::vector<std::string_view> names;
    for (const Encoder* encoder : encoders())
        if (can_be_written(encoder->type())) names.push_back(encoder->type().name);
    return fmt::format("{}", fmt::join(names, ", "));
}

double bits(std::uint64_t bytes, std::uint64_t elements) {
    return elements == 0 ? 0 : 8.0 * static_cast<double>(bytes) / static_cast<double>(elements);
}

std::uint64_t elements_of(const ModelPlan& plan) {
    std::uint64_t elements = 0;
    for (const PlannedTensor& tensor : plan.tensors) elements += tensor.from->elements;
    return elements;
}

Result<void> check_source(const GgufFile& file, const PlanOptions& options) {
    if (const GgufKey* parts = file.find_key("split.count")) {
        const auto count = convert<std::uint64_t>(parts->value);
        if (count && *count > 1) {
            return fail(ErrorCode::usage,
                        "{}: is one of the {} parts of a split model; merge them first "
                        "(llama-gguf-split --merge)",
                        file.name(), *count);
        }
    }
    if (options.requantize) return {};
    std::uint64_t count = 0;
    const GgufTensor* first = nullptr;
    for (const GgufTensor& tensor : file.tensors()) {
        if (!is_block_type(*tensor.type)) continue;
        if (count++ == 0) first = &tensor;
    }
    if (count == 0) return {};
    return fail(ErrorCode::usage,
                "{}: is quantized already ({} tensors, the first is '{}', {}); quantizing again adds to the "
                "error, so start from the original model, or insist with --requantize",
                file.name(), count, printable(first->name), first->type->name);
}

Result<const ImportanceMatrix*> importance_for(const GgufTensor& tensor, const ImportanceFile* file) {
    const ImportanceMatrix* found = file ? file->find(tensor.name) : nullptr;
    if (found == nullptr) return nullptr;
    const std::uint64_t stack = tensor.dims[2] * tensor.dims[3];
    if (found->columns != tensor.dims[0] || (found->matrices != stack && found->matrices != 1)) {
        return fail(
            ErrorCode::usage,
            "the importance matrix is of another model: for '{}' it has {} columns and {} matrices, the "
            "tensor {} and {}",
            printable(tensor.name), found->columns, found->matrices, tensor.dims[0], stack);
    }
    return found;
}

// Types by name and row length, however many tensors share them.
void note_fallbacks(const std::vector<PlannedTensor>& tensors, std::vector<std::string>& notes) {
    struct Group {
        std::uint64_t row;
        const TypeInfo* type;
        std::uint64_t count;
    };
    std::vector<Group> groups;
    for (const PlannedTensor& tensor : tensors) {
        if (!tensor.fell_back) continue;
        const auto same = std::ranges::find_if(groups, [&](const Group& group) {
            return group.row == tensor.from->dims[0] && group.type == tensor.type;
        });
        if (same != groups.end()) {
            same->count++;
        } else {
            groups.push_back({tensor.from->dims[0], tensor.type, 1});
        }
    }
    for (const Group& group : groups) {
        notes.push_back(
            fmt::format("{} tensor{} with rows of {} elements become{} {}: no block of the "
                        "recipe's type fits",
                        group.count, group.count == 1 ? "" : "s", group.row, group.count == 1 ? "s" : "",
                        group.type->name));
    }
}

Result<void> note_importance(const PlanOptions& options, ModelPlan& plan) {
    if (options.importance == nullptr) {
        if (plan.recipe->wants_importance)
            plan.notes.push_back(
                fmt::format("{} without an importance matrix (--imatrix) loses much", plan.recipe->name));
        return {};
    }
    std::uint64_t matched = 0;
    std::vector<std::string> missing;
    for (const PlannedTensor& tensor : plan.tensors) {
        if (tensor.importance != nullptr) {
            matched++;
        } else if (!tensor.copied() && is_block_type(*tensor.type)) {
            missing.push_back(printable(tensor.from->name));
        }
    }
    if (matched == 0) {
        return fail(ErrorCode::usage,
                    "the importance matrix is of another model: none of its {} entries is "
                    "named like a tensor of this one",
                    options.importance->count());
    }
    if (matched < options.importance->count()) {
        plan.notes.push_back(fmt::format("{} of the importance matrix's {} entries match no tensor",
                                         options.importance->count() - matched, options.importance->count()));
    }
    if (!missing.empty()) {
        plan.notes.push_back(fmt::format(
            "{} tensor{} not in the importance matrix: {}{}", missing.size(),
            missing.size() == 1 ? " is" : "s are",
            fmt::join(
                missing.begin(),
                missing.begin() + std::min<std::ptrdiff_t>(3, static_cast<std::ptrdiff_t>(missing.size())),
                ", "),
            missing.size() > 3 ? ", ..." : ""));
    }
    return {};
}

Result<void> apply_overrides(const GgufTensor& tensor, const std::vector<TypeOverride>& overrides,
                             std::vector<std::uint64_t>& matches, PlannedTensor& planned) {
    for (std::size_t i = 0; i < overrides.size(); i++) {
        const std::string name(tensor.name);
        if (!std::regex_search(name, overrides[i].pattern)) continue;
        matches[i]++;
        const TypeInfo& type = *overrides[i].type;
        if (find_format(tensor.type->id) == nullptr) {
            return fail(ErrorCode::usage, "--tensor {}: '{}' holds {}, which are no weights",
                        overrides[i].text, printable(name), tensor.type->name);
        }
        if (tensor.dims[0] % type.block_elements != 0) {
            return fail(ErrorCode::usage,
                        "--tensor {}: the rows of '{}' have {} elements, no multiple of {}, the block of {}",
                        overrides[i].text, printable(name), tensor.dims[0], type.block_elements, type.name);
        }
        planned.type = &type;
        planned.fell_back = false;
        planned.overridden = true;
    }
    return {};
}

}  // namespace

Result<TypeOverride> parse_override(const std::string& text) {
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
        return fail(ErrorCode::usage, "--tensor {}: is not of the form REGEX=TYPE", text);
    const std::string name = text.substr(at + 1);
    const TypeInfo* type = find_type(name);
    if (type == nullptr || !can_be_written(*type)) {
        return fail(ErrorCode::usage, "--tensor {}: unknown type '{}'; there are: {}", text, printable(name),
                    writable_names());
    }
    try {
        return TypeOverride{
            text, std::regex(text.substr(0, at), std::regex::ECMAScript | std::regex::optimize), type};
    } catch (const std::regex_error& error) {
        return fail(ErrorCode::usage, "--tensor {}: '{}' is no regular expression: {}", text,
                    text.substr(0, at), error.what());
    }
}

std::uint64_t ModelPlan::bytes_before() const {
    std::uint64_t bytes = 0;
    for (const PlannedTensor& tensor : tensors) bytes += tensor.from->bytes;
    return bytes;
}

std::uint64_t ModelPlan::bytes_after() const {
    std::uint64_t bytes = 0;
    for (const PlannedTensor& tensor : tensors) bytes += tensor.bytes;
    return bytes;
}

double ModelPlan::bits_per_weight_before() const {
    return bits(bytes_before(), elements_of(*this));
}

double ModelPlan::bits_per_weight_after() const {
    return bits(bytes_after(), elements_of(*this));
}

Result<ModelPlan> plan_model(const GgufFile& file, const PlanOptions& options) {
    TUFF_CHECK(check_source(file, options));
    TUFF_TRY(decisions, decide(*options.recipe, model_shape(file), options.importance != nullptr));
    ModelPlan plan{options.recipe, {}, {}};
    std::vector<std::uint64_t> matches(options.overrides.size());
    for (std::size_t i = 0; i < decisions.size(); i++) {
        const GgufTensor& tensor = file.tensors()[i];
        PlannedTensor planned{&tensor, tensor.type, 0};
        // What Tuff cannot read, integers for example, stays as it is.
        const bool readable = find_format(tensor.type->id) != nullptr;
        if (readable && decisions[i].type != nullptr) {
            planned.type = decisions[i].type;
            planned.fell_back = decisions[i].fell_back;
        }
        TUFF_CHECK(apply_overrides(tensor, options.overrides, matches, planned));
        TUFF_TRY(importance, importance_for(tensor, options.importance));
        planned.importance = importance;
        TUFF_TRY(bytes, row_bytes(*planned.type, tensor.elements));
        planned.bytes = bytes;
        plan.tensors.push_back(planned);
    }
    for (std::size_t i = 0; i < matches.size(); i++) {
        if (matches[i] == 0)
            return fail(ErrorCode::usage, "--tensor {}: no tensor is named like that",
                        options.overrides[i].text);
    }
    note_fallbacks(plan.tensors, plan.notes);
    TUFF_CHECK(note_importance(options, plan));
    return plan;
}

}  // namespace tuff
