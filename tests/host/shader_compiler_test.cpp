#include "host/shader_compiler.hpp"

#include <gtest/gtest.h>

#include "tests/temporary_directory.hpp"

namespace tuff::host {
namespace {

// Skips where the build has no compiler; everything else is a failure.
class RunTimeCompiler : public testing::Test {
  protected:
    void SetUp() override {
        Result<ShaderCompiler> made = make_shader_compiler(directory_.path());
        if (!made && made.error().code == ErrorCode::unsupported) GTEST_SKIP() << made.error().message;
        ASSERT_TRUE(made) << made.error().message;
        compile_ = std::move(*made);
        std::filesystem::create_directory(directory_.path("formats"));
        std::filesystem::create_directory(directory_.path("lib"));
        kernel_.name = "copy.q4_0";
        kernel_.source = "copy.comp";
        kernel_.format = "q4_0";
    }

    void write(std::string_view name, std::string_view text) { (void)directory_.file(name, text); }

    tuff::test::TemporaryDirectory directory_;
    ShaderCompiler compile_;
    shaders::Kernel kernel_{};
};

constexpr std::string_view kStart = "#version 460\n#extension GL_GOOGLE_include_directive : require\n";

TEST_F(RunTimeCompiler, TakesDefinesIncludesAndTheFormatOfTheKernel) {
    write("copy.comp",
          std::string(kStart) +
              "#include \"lib/a.glsl\"\n#include \"format.glsl\"\n#ifndef FLAG\n#error no flag\n#endif\n"
              "layout(local_size_x = SIZE) in;\nvoid main() { uint x = from_a + from_format; }\n");
    write("lib/a.glsl", "#include \"b.glsl\"\n");
    write("lib/b.glsl", "const uint from_a = 1;\n");
    write("formats/q4_0.glsl", "const uint from_format = 2;\n");
    constexpr std::array<std::string_view, 2> defines = {"SIZE=8", "FLAG"};
    kernel_.defines = defines;
    const Result<std::vector<std::uint32_t>> words = compile_(kernel_);
    ASSERT_TRUE(words) << words.error().message;
    ASSERT_GT(words->size(), 5U);
    EXPECT_EQ((*words)[0], 0x07230203U);
    EXPECT_EQ((*words)[1], 0x00010600U);
}

TEST_F(RunTimeCompiler, ErrorsCarryFileAndLine) {
    write("copy.comp", std::string(kStart) + "#include \"lib/a.glsl\"\nvoid main() {}\n");
    write("lib/a.glsl", "\n\nfloat broken = ;\n");
    const Result<std::vector<std::uint32_t>> words = compile_(kernel_);
    ASSERT_FALSE(words);
    EXPECT_EQ(words.error().code, ErrorCode::compile);
    EXPECT_NE(words.error().message.find(directory_.path("lib/a.glsl") + ":3: error:"), std::string::npos)
        << words.error().message;
    EXPECT_NE(words.error().message.find("'copy.q4_0'"), std::string::npos) << words.error().message;
}

TEST_F(RunTimeCompiler, SaysWhichFileIsMissing) {
    const Result<std::vector<std::uint32_t>> none = compile_(kernel_);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::io);
    EXPECT_NE(none.error().message.find(directory_.path("copy.comp")), std::string::npos)
        << none.error().message;
    write("copy.comp", std::string(kStart) + "#include \"lib/gone.glsl\"\nvoid main() {}\n");
    const Result<std::vector<std::uint32_t>> include = compile_(kernel_);
    ASSERT_FALSE(include);
    EXPECT_EQ(include.error().code, ErrorCode::compile);
    EXPECT_NE(include.error().message.find("lib/gone.glsl"), std::string::npos) << include.error().message;
    EXPECT_FALSE(make_shader_compiler(directory_.path("nowhere")));
}

}  // namespace
}  // namespace tuff::host
