#include "host/shader_compiler.hpp"

#ifdef TUFF_WITH_SHADERC

#include <fstream>
#include <memory>
#include <optional>
#include <shaderc/shaderc.hpp>
#include <sstream>
#include <string>
#include <system_error>

namespace tuff::host {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_text(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) return std::nullopt;
    return std::move(text).str();
}

// Finds an included file beside the one that includes it, then below the root.
class Includer : public shaderc::CompileOptions::IncluderInterface {
  public:
    Includer(fs::path root, std::string_view format) : root_(std::move(root)), format_(format) {}

    shaderc_include_result* GetInclude(const char* requested, shaderc_include_type /*type*/,
                                       const char* requesting, std::size_t /*depth*/) override {
        auto found = std::make_unique<Found>();
        if (!load(requested, requesting, *found))
            found->text = fmt::format("'{}' is not below {}", requested, root_.string());
        // An empty name tells shaderc that the text is an error message.
        found->result = {found->name.c_str(), found->name.size(), found->text.c_str(), found->text.size(),
                         found.get()};
        return &found.release()->result;
    }

    void ReleaseInclude(shaderc_include_result* result) override {
        delete static_cast<Found*>(result->user_data);
    }

  private:
    struct Found {
        std::string name, text;
        shaderc_include_result result{};
    };

    bool load(std::string_view requested, std::string_view requesting, Found& out) const {
        fs::path asked(requested);
        if (asked == "format.glsl" && !format_.empty()) asked = fs::path("formats") / (format_ + ".glsl");
        for (const fs::path& path : {fs::path(requesting).parent_path() / asked, root_ / asked}) {
            std::error_code error;
            if (!fs::is_regular_file(path, error)) continue;
            const std::optional<std::string> text = read_text(path);
            if (!text) continue;
            out.name = path.lexically_normal().string();
            out.text = *text;
            return true;
        }
        return false;
    }

    fs::path root_;
    std::string format_;
};

// shaderc ends its report with an empty line.
std::string trimmed(std::string report) {
    while (!report.empty() && (report.back() == '\n' || report.back() == ' ')) report.pop_back();
    return report;
}

Result<std::vector<std::uint32_t>> compile(const fs::path& directory, const shaders::Kernel& kernel) {
    const fs::path path = directory / kernel.source;
    const std::optional<std::string> source = read_text(path);
    if (!source) return fail(ErrorCode::io, "kernel '{}': {} cannot be read", kernel.name, path.string());

    shaderc::CompileOptions options;
    options.SetTargetEnvironment(shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_3);
    options.SetTargetSpirv(shaderc_spirv_version_1_6);
    for (const std::string_view define : kernel.defines) {
        const std::size_t equals = define.find('=');
        if (equals == std::string_view::npos) {
            options.AddMacroDefinition(std::string(define));
        } else {
            options.AddMacroDefinition(std::string(define.substr(0, equals)),
                                       std::string(define.substr(equals + 1)));
        }
    }
    options.SetIncluder(std::make_unique<Includer>(directory, kernel.format));
    const shaderc::Compiler compiler;
    const shaderc::SpvCompilationResult result =
        compiler.CompileGlslToSpv(*source, shaderc_compute_shader, path.string().c_str(), options);
    if (result.GetCompilationStatus() != shaderc_compilation_status_success) {
        return fail(ErrorCode::compile, "kernel '{}' does not compile:\n{}", kernel.name,
                    trimmed(result.GetErrorMessage()));
    }
    return std::vector<std::uint32_t>(result.begin(), result.end());
}

}  // namespace

Result<ShaderCompiler> make_shader_compiler(const std::filesystem::path& directory) {
    std::error_code error;
    if (!fs::is_directory(directory, error)) {
        return fail(ErrorCode::io, "{} is not a directory of shaders", directory.string());
    }
    return ShaderCompiler([directory](const shaders::Kernel& kernel) -> Result<std::vector<std::uint32_t>> {
        try {
            return compile(directory, kernel);
        } catch (const std::exception& thrown) {
            return fail(ErrorCode::internal, "compiling kernel '{}': {}", kernel.name, thrown.what());
        }
    });
}

}  // namespace tuff::host

#else

namespace tuff::host {

Result<ShaderCompiler> make_shader_compiler(const std::filesystem::path& /*directory*/) {
    return fail(
        ErrorCode::unsupported,
        "this build cannot compile shaders: it was made without libshaderc (Debian, Ubuntu: libshaderc-dev)");
}

}  // namespace tuff::host

#endif
