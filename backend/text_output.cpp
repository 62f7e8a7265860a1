#include "backend/text_output.hpp"

#include <cerrno>
#include <cstdio>
#include <span>
#include <system_error>

#include "backend/output_file.hpp"

namespace tuff {
namespace {

Result<void> write_stdout(std::string_view text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!whole || std::fflush(stdout) != 0)
        return fail(ErrorCode::io, "standard output: cannot write: {}",
                    std::generic_category().message(errno));
    return {};
}

}  // namespace

Result<void> write_text(const std::string& target, std::string_view text) {
    if (target == "-") return write_stdout(text);
    TUFF_TRY(file, OutputFile::create(target));
    TUFF_CHECK(file.write(std::as_bytes(std::span(text))));
    return file.finish();
}

}  // namespace tuff
