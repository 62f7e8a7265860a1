// Every file in tests/data/gguf against its verdict, and what becomes of the good ones when they are cut or
// changed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "backend/gguf.hpp"

namespace tuff {
namespace {

const std::filesystem::path k_directory = TUFF_TEST_DATA "/gguf";

struct Case {
    std::string file;
    bool accept;
    std::vector<std::string> says;  // parts of the message, if refused
};

std::vector<Case> read_cases() {
    std::ifstream in(k_directory / "verdicts.json");
    std::vector<Case> cases;
    for (const auto& row : nlohmann::json::parse(in)) {
        const std::string verdict = row.at("verdict");
        EXPECT_TRUE(verdict == "accept" || verdict == "refuse") << verdict;
        cases.push_back({row.at("file"), verdict == "accept", row.value("says", std::vector<std::string>{})});
    }
    return cases;
}

// On the heap and of the exact size, so that the address sanitizer sees a read beyond the end.
std::vector<std::byte> read_bytes(const std::string& file) {
    std::ifstream in(k_directory / file, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    std::vector<std::byte> bytes(text.size());
    std::ranges::transform(text, bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
    return bytes;
}

// Looks at everything a file offers; the sum keeps the reads from being left out.
std::uint64_t walk(const GgufFile& file) {
    std::uint64_t sum = 0;
    for (const GgufKey& key : file.keys()) sum += to_text(key.value, k_max_gguf_keys).size();
    for (const GgufTensor& tensor : file.tensors()) {
        for (const std::byte byte : file.data(tensor)) sum += std::to_integer<std::uint64_t>(byte);
    }
    return sum;
}

// The file's last byte that is part of something.
std::uint64_t needed_bytes(const GgufFile& file) {
    std::uint64_t needed = file.data_offset();
    for (const GgufTensor& tensor : file.tensors()) needed = std::max(needed, tensor.offset + tensor.bytes);
    return needed;
}

TEST(GgufCases, HaveAVerdictForEveryFile) {
    std::set<std::string> named;
    for (const Case& row : read_cases()) {
        EXPECT_TRUE(named.insert(row.file).second) << row.file;
        EXPECT_EQ(row.accept, !row.file.starts_with("bad_")) << row.file;
        EXPECT_EQ(row.accept, row.says.empty()) << row.file;
    }
    std::set<std::string> present;
    for (const auto& entry : std::filesystem::directory_iterator(k_directory)) {
        if (entry.path().extension() == ".gguf") present.insert(entry.path().filename());
    }
    EXPECT_EQ(named, present);
    EXPECT_EQ(present.size(), 80u);
}

TEST(GgufCases, AreAcceptedOrRefusedWithTheRightMessage) {
    for (const Case& row : read_cases()) {
        const auto bytes = read_bytes(row.file);
        const auto file = GgufFile::parse(bytes, row.file);
        ASSERT_EQ(file.has_value(), row.accept) << row.file << (file ? "" : ": " + file.error().message);
        if (file) {
            walk(*file);
            continue;
        }
        EXPECT_TRUE(file.error().code == ErrorCode::malformed || file.error().code == ErrorCode::unsupported);
        EXPECT_TRUE(file.error().message.starts_with(row.file + ": ")) << file.error().message;
        for (const std::string& part : row.says) {
            EXPECT_NE(file.error().message.find(part), std::string::npos)
                << "'" << part << "' is not in: " << file.error().message;
        }
    }
}

TEST(GgufCases, GiveTheSameWhenMapped) {
    for (const Case& row : read_cases()) {
        const auto bytes = read_bytes(row.file);
        const auto in_memory = GgufFile::parse(bytes, row.file);
        const auto mapped = GgufFile::open(k_directory / row.file);
        ASSERT_EQ(mapped.has_value(), row.accept) << row.file;
        if (!mapped) continue;
        EXPECT_EQ(walk(*mapped), walk(*in_memory)) << row.file;
    }
}

TEST(GgufCases, AreRefusedWhenCutBeforeTheLastNeededByte) {
    for (const Case& row : read_cases()) {
        if (!row.accept) continue;
        const auto bytes = read_bytes(row.file);
        const std::uint64_t needed = needed_bytes(GgufFile::parse(bytes, row.file).value());
        for (std::uint64_t size = 0; size < bytes.size(); ++size) {
            const std::vector<std::byte> cut(bytes.begin(),
                                             bytes.begin() + static_cast<std::ptrdiff_t>(size));
            const auto file = GgufFile::parse(cut, row.file);
            ASSERT_EQ(file.has_value(), size >= needed) << row.file << " cut to " << size << " bytes";
        }
    }
}

TEST(GgufCases, SurviveAnyChangedByte) {
    std::uint64_t accepted = 0;
    for (const Case& row : read_cases()) {
        auto bytes = read_bytes(row.file);
        for (std::byte& byte : bytes) {
            const std::byte before = byte;
            for (const std::byte mask : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
                byte = before ^ mask;
                if (const auto file = GgufFile::parse(bytes, row.file)) {
                    walk(*file);
                    ++accepted;
                }
            }
            byte = before;
        }
    }
    EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace tuff
