#include "backend/load/xxh64.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tuff {
namespace {

constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F,
                        kPrime3 = 0x165667B19E3779F9, kPrime4 = 0x85EBCA77C2B2AE63,
                        kPrime5 = 0x27D4EB2F165667C5;

template <class T>
std::uint64_t word(const std::byte* bytes) {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
    return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

}  // namespace

void Xxh64::stripe(const std::byte* bytes) {
    for (std::size_t i = 0; i < lanes_.size(); i++)
        lanes_[i] = round(lanes_[i], word<std::uint64_t>(bytes + i * 8));
}

void Xxh64::add(std::span<const std::byte> bytes) {
    const std::size_t held = length_ % kStripe;
    length_ += bytes.size();
    if (held > 0) {
        const std::size_t taken = std::min(bytes.size(), kStripe - held);
        std::copy_n(bytes.begin(), taken, rest_.begin() + static_cast<std::ptrdiff_t>(held));
        if (held + taken < kStripe) return;
        stripe(rest_.data());
        bytes = bytes.subspan(taken);
    }
    for (; bytes.size() >= kStripe; bytes = bytes.subspan(kStripe)) stripe(bytes.data());
    std::ranges::copy(bytes, rest_.begin());
}

std::uint64_t Xxh64::value() const {
    std::uint64_t hash = kPrime5;
    if (length_ >= kStripe) {
        hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
               std::rotl(lanes_[3], 18);
        for (const std::uint64_t lane : lanes_) hash = (hash ^ round(0, lane)) * kPrime1 + kPrime4;
    }
    hash += length_;
    const std::byte *at = rest_.data(), *end = at + length_ % kStripe;
    for (; end - at >= 8; at += 8)
        hash = std::rotl(hash ^ round(0, word<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
    for (; end - at >= 4; at += 4)
        hash = std::rotl(hash ^ word<std::uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    for (; at < end; at++)
        hash = std::rotl(hash ^ std::to_integer<std::uint64_t>(*at) * kPrime5, 11) * kPrime1;
    hash = (hash ^ hash >> 33) * kPrime2;
    hash = (hash ^ hash >> 29) * kPrime3;
    return hash ^ hash >> 32;
}

}  // namespace tuff
