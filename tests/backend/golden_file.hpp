// The golden data in tests/data/golden: for each format blocks (<name>.q.bin) and their values as float32
// (<name>.f32.bin), of real-looking input and, with ".rnd" in the name, of random codes under scales from
// every corner of binary16.
#pragma once

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tuff::test {

inline std::vector<std::byte> golden_file(const std::string& name) {
    std::ifstream file(std::string(TUFF_TEST_DATA) + "/golden/" + name, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> out(bytes.size());
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
}

}  // namespace tuff::test
