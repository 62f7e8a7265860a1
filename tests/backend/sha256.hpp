// SHA-256 (FIPS 180-4), for comparing long results with a digest.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tuff::test {

__extension__ using Wide = unsigned __int128;

// The first 32 bits of the fractional part of the square (root 2) or cube (root 3) root of n < 512: the
// standard's constants.
inline std::uint32_t sha256_constant(std::uint64_t n, int root) {
    Wide r = 0;  // becomes the largest r with r^root <= n * 2^(32 * root)
    for (int bit = 36; bit >= 0; bit--) {
        const Wide next = r | Wide{1} << bit;
        if (root == 2 ? next * next <= Wide{n} << 64 : next * next <= (Wide{n} << 96) / next) r = next;
    }
    return static_cast<std::uint32_t>(r);
}

inline std::vector<std::uint64_t> first_primes(std::size_t count) {
    std::vector<std::uint64_t> primes;
    for (std::uint64_t n = 2; primes.size() < count; n++) {
        bool prime = true;
        for (const std::uint64_t p : primes) prime = prime && n % p != 0;
        if (prime) primes.push_back(n);
    }
    return primes;
}

// The digest as 64 hexadecimal digits.
inline std::string sha256(std::span<const std::byte> message) {
    std::array<std::uint32_t, 8> hash{};
    std::array<std::uint32_t, 64> constants{};
    const std::vector<std::uint64_t> primes = first_primes(64);
    for (std::size_t i = 0; i < 8; i++) hash[i] = sha256_constant(primes[i], 2);
    for (std::size_t i = 0; i < 64; i++) constants[i] = sha256_constant(primes[i], 3);

    std::vector<std::byte> padded(message.begin(), message.end());
    padded.push_back(std::byte{0x80});
    while (padded.size() % 64 != 56) padded.push_back(std::byte{0});
    for (int shift = 56; shift >= 0; shift -= 8)
        padded.push_back(static_cast<std::byte>((std::uint64_t{message.size()} * 8) >> shift));

    for (std::size_t at = 0; at < padded.size(); at += 64) {
        std::array<std::uint32_t, 64> w{};
        for (std::size_t i = 0; i < 64; i++)
            w[i / 4] |= std::to_integer<std::uint32_t>(padded[at + i]) << (24 - i % 4 * 8);
        for (std::size_t i = 16; i < 64; i++)
            w[i] = w[i - 16] + (std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3)) +
                   w[i - 7] + (std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10));
        auto [a, b, c, d, e, f, g, h] = hash;
        for (std::size_t i = 0; i < 64; i++) {
            const std::uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                                     ((e & f) ^ (~e & g)) + constants[i] + w[i];
            const std::uint32_t t2 =
                (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        const std::array<std::uint32_t, 8> step{a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; i++) hash[i] += step[i];
    }
    std::string text;
    for (const std::uint32_t word : hash)
        for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[(word >> shift) & 15u];
    return text;
}

}  // namespace tuff::test
