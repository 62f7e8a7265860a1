// The golden data in tests/data/golden: for each format blocks (<name>.q.bin) and their values as float32
// (<name>.f32.bin), of real-looking input and, with ".rnd" in the name, of random codes under scales from
// every corner of binary16. <name>.sweep.q.bin holds blocks that visit every code, exponent and table entry;
// of their values only the SHA-256 is kept, in sweeps.txt.
#pragma once

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace tuff::test {

inline std::vector<std::byte> golden_file(const std::string& name) {
    std::ifstream file(std::string(TUFF_TEST_DATA) + "/golden/" + name, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<std::byte> out(bytes.size());
    if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
}

// The digest that sweeps.txt gives for a format, or "".
inline std::string golden_sweep_digest(std::string_view format) {
    std::ifstream file(std::string(TUFF_TEST_DATA) + "/golden/sweeps.txt");
    for (std::string line; std::getline(file, line);) {
        const std::size_t space = line.find(' ');
        if (line.substr(0, space) == format) return line.substr(space + 1);
    }
    return "";
}

}  // namespace tuff::test
