// `tuff inspect`: what is in a GGUF file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "backend/gguf.hpp"
#include "backend/quantize/compare.hpp"

namespace CLI {
class App;
}

namespace tuff::tools {

struct InspectOptions {
    std::string file = {};
    std::string compare = {};      // the other file: compare the two instead
    bool tensors = false;          // list every tensor in the text (JSON always has them)
    std::string json = {};         // where the JSON goes: empty for none, "-" for standard output
    std::uint64_t max_array = 16;  // longer arrays are given by their length and element type in JSON
};

// The report for people: the file, sizes by type, metadata (long values cut), and the tensors if asked for.
// Ends in a newline; text from the file is escaped.
[[nodiscard]] std::string inspect_text(const GgufFile& file, const InspectOptions& options);

// The same as one JSON object, ending in a newline. Always valid: bytes that are not UTF-8 become U+FFFD, NaN
// and infinities null. Shapes are in the order of the file, the row length first.
[[nodiscard]] std::string inspect_json(const GgufFile& file, const InspectOptions& options);

// Two files, tensor by tensor, on all processors; for people, and as JSON.
[[nodiscard]] FileComparison compare(const GgufFile& a, const GgufFile& b);
[[nodiscard]] std::string compare_text(const GgufFile& a, const GgufFile& b,
                                       const FileComparison& comparison);
[[nodiscard]] std::string compare_json(const GgufFile& a, const GgufFile& b,
                                       const FileComparison& comparison);

// Writes the text to standard output and the JSON where it was asked for (only the JSON if that is standard
// output too). Returns the exit code: 0, or 1 with a message on standard error.
int run_inspect(const InspectOptions& options);

// Registers the subcommand; parsing it sets `action` to what is to be run for the exit code.
void add_inspect(CLI::App& app, std::function<int()>& action);

}  // namespace tuff::tools
