#include "backend/mapped_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string_view>

namespace tuff {
namespace {

// A directory of its own for each test, removed with everything in it.
class MappedFileTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "tuff-mapped-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string write(std::string_view name, std::string_view contents) {
        const std::string path = directory_ / name;
        std::ofstream(path, std::ios::binary) << contents;
        return path;
    }
    std::filesystem::path directory_;
};

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

TEST_F(MappedFileTest, ShowsTheBytesOfTheFile) {
    const auto file = MappedFile::open(write("a", std::string_view("some\0bytes", 10)));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->size(), 10u);
    EXPECT_EQ(text_of(*file), std::string_view("some\0bytes", 10));
}

TEST_F(MappedFileTest, MapsAnEmptyFileAsNothing) {
    const auto file = MappedFile::open(write("empty", ""));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->size(), 0u);
    EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MappedFileTest, KeepsTheAddressWhenMoved) {
    auto first = MappedFile::open(write("first", "first"));
    auto second = MappedFile::open(write("second", "second"));
    ASSERT_TRUE(first && second);
    const std::byte* address = first->bytes().data();
    MappedFile moved = std::move(*first);
    EXPECT_EQ(moved.bytes().data(), address);
    EXPECT_EQ(first->size(), 0u);
    moved = std::move(*second);
    EXPECT_EQ(text_of(moved), "second");
}

TEST_F(MappedFileTest, StaysReadableAfterTheFileIsDeleted) {
    const std::string path = write("gone", "still here");
    const auto file = MappedFile::open(path);
    ASSERT_TRUE(file);
    std::filesystem::remove(path);
    EXPECT_EQ(text_of(*file), "still here");
}

TEST_F(MappedFileTest, NamesAFileThatIsMissing) {
    expect_io_error(directory_ / "missing.gguf", "No such file");
}

TEST_F(MappedFileTest, RefusesADirectory) {
    expect_io_error(directory_, "is a directory");
}

TEST_F(MappedFileTest, RefusesAPipeWithoutWaitingForItsWriter) {
    const std::string path = directory_ / "pipe";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    expect_io_error(path, "not a regular file");
}

TEST_F(MappedFileTest, RefusesAPathThatCannotExist) {
    EXPECT_FALSE(MappedFile::open(""));
    EXPECT_FALSE(MappedFile::open(write("a", "x") + std::string("\0b", 2)));
}

}  // namespace
}  // namespace tuff
