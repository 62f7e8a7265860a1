// Random numbers that are the same everywhere for the same seed.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tuff::bench {

// xoshiro256** (Blackman and Vigna), seeded by splitmix64.
class Random {
  public:
    explicit Random(std::uint64_t seed) {
        for (std::uint64_t& word : state_) {
            seed += 0x9e3779b97f4a7c15u;
            std::uint64_t mixed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
            mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
            word = mixed ^ (mixed >> 31);
        }
    }

    std::uint64_t next() {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9, shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }

    // In [0, limit), limit at most 2^32.
    std::uint64_t below(std::uint64_t limit) { return ((next() >> 32) * limit) >> 32; }

    // In [low, high), 24 random bits.
    float uniform(float low, float high) {
        return low + (high - low) * (static_cast<float>(next() >> 40) * 0x1p-24f);
    }

    void fill(std::span<std::byte> bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += 8) {
            const std::uint64_t word = next();
            std::memcpy(bytes.data() + at, &word, bytes.size() - at < 8 ? bytes.size() - at : 8);
        }
    }

  private:
    std::uint64_t state_[4];
};

}  // namespace tuff::bench
