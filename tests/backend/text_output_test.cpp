#include "backend/text_output.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/temporary_directory.hpp"

namespace tuff {
namespace {

using test::read_file;
using test::TemporaryDirectory;

void expect_io_error(const Result<void>& done, std::string_view says) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::io);
    EXPECT_NE(done.error().message.find(says), std::string::npos) << done.error().message;
}

TEST(TextOutput, WritesANewFileAndLeavesNothingElse) {
    const TemporaryDirectory directory;
    ASSERT_TRUE(write_text(directory.path("a.json"), "{}\n"));
    EXPECT_EQ(read_file(directory.path("a.json")), "{}\n");
    EXPECT_EQ(directory.entries(), 1u);
}

TEST(TextOutput, ReplacesAnOldFileThroughALink) {
    const TemporaryDirectory directory;
    const std::string target = directory.file("old", "a much longer old text");
    std::filesystem::create_symlink(target, directory.path("link"));
    ASSERT_TRUE(write_text(directory.path("link"), "new"));
    EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
    EXPECT_EQ(read_file(target), "new");
    EXPECT_EQ(directory.entries(), 2u);
}

TEST(TextOutput, NamesWhatCannotBeWritten) {
    const TemporaryDirectory directory;
    expect_io_error(write_text(directory.path(), "x"), "Is a directory");
    expect_io_error(write_text(directory.path("missing/a"), "x"), "No such file");
    expect_io_error(write_text("", "x"), "cannot");
    EXPECT_EQ(directory.entries(), 0u);
}

TEST(TextOutput, WritesToADeviceWithoutReplacingIt) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    ASSERT_TRUE(write_text("/dev/null", "x"));
    expect_io_error(write_text("/dev/full", "x"), "No space left");
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

}  // namespace
}  // namespace tuff
