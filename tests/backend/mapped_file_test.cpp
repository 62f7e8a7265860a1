#include "backend/mapped_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string_view>
#include <utility>

#include "tests/temporary_directory.hpp"

namespace tuff {
namespace {

using test::TemporaryDirectory;

std::string_view text_of(const MappedFile& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

void expect_io_error(const std::string& path, std::string_view says) {
    const auto file = MappedFile::open(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::io);
    EXPECT_NE(file.error().message.find(path), std::string::npos) << file.error().message;
    EXPECT_NE(file.error().message.find(says), std::string::npos) << file.error().message;
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
    const TemporaryDirectory directory;
    const auto file = MappedFile::open(directory.file("a", std::string_view("some\0bytes", 10)));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->size(), 10u);
    EXPECT_EQ(text_of(*file), std::string_view("some\0bytes", 10));
}

TEST(MappedFile, MapsAnEmptyFileAsNothing) {
    const TemporaryDirectory directory;
    const auto file = MappedFile::open(directory.file("empty", ""));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->size(), 0u);
    EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, KeepsTheAddressWhenMoved) {
    const TemporaryDirectory directory;
    auto first = MappedFile::open(directory.file("first", "first"));
    auto second = MappedFile::open(directory.file("second", "second"));
    ASSERT_TRUE(first && second);
    const std::byte* address = first->bytes().data();
    MappedFile moved = std::move(*first);
    EXPECT_EQ(moved.bytes().data(), address);
    EXPECT_EQ(first->size(), 0u);
    moved = std::move(*second);
    EXPECT_EQ(text_of(moved), "second");
}

TEST(MappedFile, StaysReadableAfterTheFileIsDeleted) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("gone", "still here");
    const auto file = MappedFile::open(path);
    ASSERT_TRUE(file);
    std::filesystem::remove(path);
    EXPECT_EQ(text_of(*file), "still here");
}

TEST(MappedFile, NamesAFileThatIsMissing) {
    const TemporaryDirectory directory;
    expect_io_error(directory.path("missing.gguf"), "No such file");
}

TEST(MappedFile, RefusesADirectory) {
    const TemporaryDirectory directory;
    expect_io_error(directory.path(), "is a directory");
}

TEST(MappedFile, RefusesAPipeWithoutWaitingForItsWriter) {
    const TemporaryDirectory directory;
    const std::string path = directory.path("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    expect_io_error(path, "not a regular file");
}

TEST(MappedFile, RefusesAPathThatCannotExist) {
    const TemporaryDirectory directory;
    EXPECT_FALSE(MappedFile::open(""));
    EXPECT_FALSE(MappedFile::open(directory.file("a", "x") + std::string("\0b", 2)));
}

}  // namespace
}  // namespace tuff
