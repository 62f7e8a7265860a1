#include "backend/gguf_writer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "backend/gguf.hpp"
#include "tests/temporary_directory.hpp"

namespace tuff::test {
namespace {

std::vector<std::byte> pattern(std::uint64_t count, int seed) {
    std::vector<std::byte> bytes(count);
    for (std::uint64_t i = 0; i < count; i++) bytes[i] = std::byte((i * 7 + seed) & 255);
    return bytes;
}

const std::vector<GgufTensorToWrite> kTensors = {{"odd", find_type("f16"), {5}},
                                                 {"none", find_type("f32"), {0, 4}},
                                                 {"blocks", find_type("q4_k"), {512, 3}},
                                                 {"single", find_type("f32"), {}},
                                                 {"last", find_type("q8_0"), {32, 2, 2, 2}}};

TEST(GgufWriter, WritesWhatTheReaderReads) {
    const TemporaryDirectory directory;
    const std::string source = TUFF_TEST_DATA "/gguf/ok_all_scalar_types.gguf",
                      arrays = TUFF_TEST_DATA "/gguf/ok_arrays.gguf";
    const auto scalars = GgufFile::open(source), lists = GgufFile::open(arrays);
    ASSERT_TRUE(scalars.has_value() && lists.has_value());
    std::vector<GgufKeyToWrite> keys;
    for (const GgufFile* file : {&*scalars, &*lists}) {
        for (const GgufKey& key : file->keys())
            keys.push_back({fmt::format("{}.{}", keys.size(), key.name), key.value});
    }
    for (const std::uint32_t alignment : {32u, 1u, 4096u}) {
        std::vector<GgufKeyToWrite> with_alignment = keys;
        with_alignment.push_back({"general.alignment", alignment});
        const std::string path = directory.path("out.gguf");
        auto writer = GgufWriter::create(path, with_alignment, kTensors, alignment);
        ASSERT_TRUE(writer.has_value()) << writer.error().message;
        int seed = 0;
        for (const GgufTensorToWrite& tensor : kTensors) {
            const std::vector<std::byte> bytes = pattern(*tensor.bytes(), seed++);
            for (std::size_t at = 0; at < bytes.size(); at += 100) {
                const auto piece =
                    std::span(bytes).subspan(at, std::min<std::size_t>(100, bytes.size() - at));
                ASSERT_TRUE(writer->write(piece).has_value());
            }
        }
        EXPECT_FALSE(writer->write(pattern(1, 0)).has_value());  // nothing is left to write
        ASSERT_TRUE(writer->finish().has_value());

        const auto file = GgufFile::open(path);
        ASSERT_TRUE(file.has_value()) << file.error().message;
        EXPECT_EQ(file->alignment(), alignment);
        EXPECT_EQ(file->bytes().size(), writer->size());
        ASSERT_EQ(file->keys().size(), with_alignment.size());
        for (std::size_t i = 0; i < keys.size(); i++) {
            EXPECT_EQ(file->keys()[i].name, keys[i].name);
            EXPECT_EQ(type_of(file->keys()[i].value), type_of(keys[i].value)) << keys[i].name;
            EXPECT_EQ(to_text(file->keys()[i].value, 1000, 1000), to_text(keys[i].value, 1000, 1000));
        }
        ASSERT_EQ(file->tensors().size(), kTensors.size());
        seed = 0;
        for (const GgufTensorToWrite& tensor : kTensors) {
            const GgufTensor* found = file->find_tensor(tensor.name);
            ASSERT_NE(found, nullptr);
            EXPECT_EQ(found->type, tensor.type);
            EXPECT_EQ(found->n_dims, tensor.dims.size());
            const std::vector<std::byte> bytes = pattern(*tensor.bytes(), seed++);
            EXPECT_TRUE(std::ranges::equal(file->data(*found), bytes)) << tensor.name;
        }
        EXPECT_EQ(directory.entries(), 1u);
    }
}

TEST(GgufWriter, LeavesNothingWhereItDoesNotFinish) {
    const TemporaryDirectory directory;
    {
        auto writer = GgufWriter::create(directory.path("out.gguf"), {}, kTensors);
        ASSERT_TRUE(writer.has_value());
        EXPECT_EQ(directory.entries(), 1u);
        const auto done = writer->finish();
        ASSERT_FALSE(done.has_value());
        EXPECT_EQ(done.error().code, ErrorCode::internal);
    }
    EXPECT_EQ(directory.entries(), 0u);
}

TEST(GgufWriter, KeepsTheOldFileUntilTheNewOneIsComplete) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("out.gguf", "old"), link = directory.path("link.gguf");
    std::filesystem::create_symlink(path, link);
    auto writer = GgufWriter::create(link, {}, {});
    ASSERT_TRUE(writer.has_value());
    EXPECT_EQ(read_file(path), "old");
    ASSERT_TRUE(writer->finish().has_value());
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_TRUE(GgufFile::open(path).has_value());
}

TEST(GgufWriter, NamesThePathAndTheReasonOfAFailure) {
    const TemporaryDirectory directory;
    const auto expect_io = [](const std::string& path, std::string_view reason) {
        auto writer = GgufWriter::create(path, {}, kTensors);
        ASSERT_FALSE(writer.has_value()) << path;
        EXPECT_EQ(writer.error().code, ErrorCode::io);
        EXPECT_NE(writer.error().message.find(path), std::string::npos) << writer.error().message;
        EXPECT_NE(writer.error().message.find(reason), std::string::npos) << writer.error().message;
    };
    expect_io("/dev/full", "No space left on device");
    expect_io(directory.path("missing/out.gguf"), "No such file");
    expect_io(directory.path(""), "directory");
}

TEST(GgufWriter, RefusesShapesThatAreNoTensor) {
    const TemporaryDirectory directory;
    const std::uint64_t huge = std::uint64_t{1} << 40;
    for (const GgufTensorToWrite& tensor : {GgufTensorToWrite{"row", find_type("q4_k"), {100}},
                                            GgufTensorToWrite{"huge", find_type("f32"), {huge, huge, 1}}}) {
        const auto writer = GgufWriter::create(directory.path("out.gguf"), {}, std::span(&tensor, 1));
        ASSERT_FALSE(writer.has_value());
        EXPECT_EQ(writer.error().code, ErrorCode::malformed);
    }
    EXPECT_EQ(directory.entries(), 0u);
}

}  // namespace
}  // namespace tuff::test
