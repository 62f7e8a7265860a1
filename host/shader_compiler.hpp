// Compiles kernels from their sources at run time (`--shaders DIR`), for work on kernels without a build in
// between.
#pragma once

#include <tuff/result.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "shaders/table.hpp"

namespace tuff::host {

using ShaderCompiler = std::function<Result<std::vector<std::uint32_t>>(const shaders::Kernel&)>;

// For DeviceOptions::compile. The compiler takes a kernel's source from below `directory` (a copy of
// shaders/), with the table's defines; "format.glsl" includes the file of the kernel's format, as in the
// build. It may be called from several threads. unsupported: this build has no libshaderc; io: no such
// directory. The compiler's errors: io where the source cannot be read; compile, with file and line, where it
// is wrong.
Result<ShaderCompiler> make_shader_compiler(const std::filesystem::path& directory);

}  // namespace tuff::host
