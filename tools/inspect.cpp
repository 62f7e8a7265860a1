#include "tools/inspect.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "backend/printable.hpp"
#include "backend/text_output.hpp"
#include "tools/text.hpp"
#include "tools/types_table.hpp"

namespace tuff::tools {
namespace {

using Json = nlohmann::ordered_json;

// Names for general.file_type: the recipe a producer says it followed. Gaps were withdrawn or never given
// out.
constexpr std::array<std::string_view, 42> k_file_types = {
    "ALL_F32", "F16",     "Q4_0",      "Q4_1",   "",       "",        "",       "Q8_0",   "Q5_0",
    "Q5_1",    "Q2_K",    "Q3_K_S",    "Q3_K_M", "Q3_K_L", "Q4_K_S",  "Q4_K_M", "Q5_K_S", "Q5_K_M",
    "Q6_K",    "IQ2_XXS", "IQ2_XS",    "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",
    "IQ3_M",   "IQ2_S",   "IQ2_M",     "IQ4_XS", "IQ1_M",  "BF16",    "",       "",       "",
    "TQ1_0",   "TQ2_0",   "MXFP4_MOE", "NVFP4",  "Q1_0",   "Q2_0"};
constexpr std::uint64_t k_guessed = 1024;  // set where the producer derived the file type from the tensors

struct Summary {
    std::vector<TypeTotal> types;  // by falling bytes
    std::uint64_t parameters = 0;
    std::uint64_t bytes = 0;

    [[nodiscard]] std::optional<double> bits_per_weight() const {
        if (parameters == 0) return std::nullopt;
        return 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
    }
};

// No sum can wrap: tensors do not overlap, and no type puts more than eight elements into a byte.
Summary summarize(const GgufFile& file) {
    Summary summary;
    std::vector<TypeTotal> tensors;
    for (const GgufTensor& tensor : file.tensors()) {
        tensors.push_back({tensor.type, 1, tensor.elements, tensor.bytes});
        summary.parameters += tensor.elements;
        summary.bytes += tensor.bytes;
    }
    summary.types = sum_by_type(tensors);
    return summary;
}

// Inspecting shows what is there: a key of an unexpected type counts as absent here and is listed as it is
// below.
template <GgufKind T>
std::optional<T> look_up(const GgufFile& file, std::string_view key) {
    const GgufKey* found = file.find_key(key);
    return found != nullptr ? convert<T>(found->value) : std::nullopt;
}

std::optional<std::string> file_type_name(const GgufFile& file) {
    const auto id = look_up<std::uint64_t>(file, "general.file_type");
    if (!id) return std::nullopt;
    const std::uint64_t plain = *id & ~k_guessed;
    const bool known = plain < k_file_types.size() && !k_file_types[plain].empty();
    std::string name = known ? std::string(k_file_types[plain]) : fmt::format("unknown ({})", plain);
    if ((*id & k_guessed) != 0) name += ", guessed by its producer";
    return name;
}

std::span<const std::uint64_t> shape_of(const GgufTensor& tensor) {
    return std::span(tensor.dims).first(tensor.n_dims);
}

std::string tensors_text(const GgufFile& file) {
    std::vector<std::vector<std::string>> rows = {{"name", "type", "shape", "bytes", "offset"}};
    for (const GgufTensor& tensor : file.tensors()) {
        rows.push_back({printable(tensor.name), std::string(tensor.type->name),
                        fmt::format("[{}]", fmt::join(shape_of(tensor), ", ")), grouped(tensor.bytes),
                        grouped(tensor.offset)});
    }
    return table(rows, {0, 1, 2});
}

// The shortest decimal that reads back as the same float; widening it bit by bit would show digits it never
// had.
double as_written(float value) {
    const std::string text = fmt::format("{}", value);
    double wide = value;
    std::from_chars(text.data(), text.data() + text.size(), wide);
    return wide;
}

Json to_json(const GgufValue& value, std::uint64_t max_array) {
    return std::visit(
        [&](const auto& stored) -> Json {
            using Stored = std::remove_cvref_t<decltype(stored)>;
            if constexpr (std::is_same_v<Stored, GgufArray>) {
                if (stored.count() > max_array) {
                    return {{"count", stored.count()}, {"type", name_of(stored.element_type())}};
                }
                Json list = Json::array();
                for (const GgufValue& element : stored) list.push_back(to_json(element, max_array));
                return list;
            } else if constexpr (std::is_same_v<Stored, float>) {
                return as_written(stored);
            } else if constexpr (std::is_same_v<Stored, std::string_view>) {
                return std::string(stored);
            } else {
                return stored;
            }
        },
        value);
}

template <class T>
Json or_null(const std::optional<T>& value) {
    return value ? Json(*value) : Json(nullptr);
}

Result<void> inspect_both(const InspectOptions& options, const GgufFile& b) {
    TUFF_TRY(a, GgufFile::open(options.compare));
    const FileComparison comparison = compare(a, b);
    if (!options.json.empty()) TUFF_CHECK(write_text(options.json, compare_json(a, b, comparison)));
    if (options.json != "-") TUFF_CHECK(write_text("-", compare_text(a, b, comparison)));
    return {};
}

Result<void> inspect(const InspectOptions& options) {
    TUFF_TRY(file, GgufFile::open(options.file));
    if (!options.compare.empty()) return inspect_both(options, file);
    if (!options.json.empty()) TUFF_CHECK(write_text(options.json, inspect_json(file, options)));
    if (options.json != "-") TUFF_CHECK(write_text("-", inspect_text(file, options)));
    return {};
}

}  // namespace

std::string inspect_text(const GgufFile& file, const InspectOptions& options) {
    const Summary summary = summarize(file);
    const auto architecture = look_up<std::string_view>(file, "general.architecture");
    const auto name = look_up<std::string_view>(file, "general.name");
    const auto bits = summary.bits_per_weight();

    std::string out;
    const auto line = [&](std::string_view label, std::string_view value) {
        fmt::format_to(std::back_inserter(out), "{:<16} {}\n", label, value);
    };
    line("file", file.name());
    line("format", fmt::format("GGUF {}, alignment {}, data from byte {}", file.version(), file.alignment(),
                               grouped(file.data_offset())));
    line("architecture", architecture ? printable(*architecture) : "-");
    line("name", name ? printable(*name) : "-");
    line("file type", file_type_name(file).value_or("-"));
    line("size", size_text(file.bytes().size()));
    line("parameters",
         fmt::format("{} in {} tensors", grouped(summary.parameters), grouped(file.tensors().size())));
    line("bits per weight", bits ? fmt::format("{:.3f}", *bits) : "-");

    if (!file.tensors().empty()) out += "\nsizes by type\n" + types_table(summary.types);
    if (!file.keys().empty()) {
        std::vector<std::vector<std::string>> rows;
        for (const GgufKey& key : file.keys()) rows.push_back({printable(key.name), to_text(key.value)});
        out += "\nmetadata\n" + table(rows, {0, 1});
    }
    if (options.tensors && !file.tensors().empty())
        out += "\ntensors (row length first)\n" + tensors_text(file);
    return out;
}

std::string inspect_json(const GgufFile& file, const InspectOptions& options) {
    const Summary summary = summarize(file);
    const auto text_of = [&](std::string_view key) {
        const auto text = look_up<std::string_view>(file, key);
        return text ? Json(std::string(*text)) : Json(nullptr);
    };
    Json root = {
        {"file", options.file},
        {"version", file.version()},
        {"alignment_bytes", file.alignment()},
        {"data_offset_bytes", file.data_offset()},
        {"size_bytes", file.bytes().size()},
        {"architecture", text_of("general.architecture")},
        {"name", text_of("general.name")},
        {"file_type", or_null(file_type_name(file))},
        {"parameters", summary.parameters},
        {"tensor_bytes", summary.bytes},
        {"bits_per_weight", or_null(summary.bits_per_weight())},
        {"types", types_json(summary.types)},
        {"metadata", Json::object()},
        {"tensors", Json::array()},
    };
    // The reader has made sure that no key comes twice; looking each up before inserting it would be
    // quadratic.
    auto& metadata = root["metadata"].get_ref<Json::object_t&>();
    for (const GgufKey& key : file.keys()) {
        metadata.emplace_back(std::string(key.name), to_json(key.value, options.max_array));
    }
    for (const GgufTensor& tensor : file.tensors()) {
        root["tensors"].push_back({{"name", std::string(tensor.name)},
                                   {"type", tensor.type->name},
                                   {"shape", shape_of(tensor)},
                                   {"bytes", tensor.bytes},
                                   {"offset_bytes", tensor.offset}});
    }
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

int run_inspect(const InspectOptions& options) {
    try {
        const auto done = inspect(options);
        if (done) return 0;
        fmt::print(stderr, "tuff inspect: {}\n", done.error().message);
        return done.error().code == ErrorCode::usage ? 2 : 1;
    } catch (const std::exception& error) {  // out of memory, here or in the JSON library
        std::fprintf(stderr, "tuff inspect: %s\n", error.what());
        return 1;
    }
}

void add_inspect(CLI::App& app, std::function<int()>& action) {
    auto options = std::make_shared<InspectOptions>();
    CLI::App* command =
        app.add_subcommand("inspect", "Show what is in a GGUF file: sizes by type, metadata, tensors");
    command->add_option("file", options->file, "The file to look at")->required()->type_name("FILE.gguf");
    command->add_flag("--tensors", options->tensors,
                      "List every tensor: name, type, shape, bytes, offset in the file");
    command
        ->add_option("--compare", options->compare,
                     "Compare with FILE, which errors are relative to: per tensor the root mean square of "
                     "the differences, the cosine, and the element that differs most")
        ->type_name("FILE.gguf");
    command
        ->add_option("--json", options->json,
                     "Write everything as JSON to FILE; '-' prints it instead of the text")
        ->type_name("FILE");
    command
        ->add_option("--max-array", options->max_array,
                     "In JSON, longer arrays are given as their length and element type")
        ->type_name("N")
        ->capture_default_str();
    command->footer(
        "Shapes are in the order of the file: the row length first.\n"
        "Exit code: 0, 1 if the file cannot be read or is broken (the message says what and where), 2 for "
        "wrong usage.");
    command->callback([options, &action] { action = [options] { return run_inspect(*options); }; });
}

}  // namespace tuff::tools
