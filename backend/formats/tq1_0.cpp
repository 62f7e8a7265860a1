// tq1_0: blocks of 256, 48 bytes of five and 4 bytes of four ternary digits, half d; value = d * (digit - 1).
// A byte v stands for the fraction v / 256, its digits are those of that fraction in base 3, from the first
// after the point.
//
//   elements     bytes                  digit
//   0 .. 159     i % 32                 i / 32
//   160 .. 239   32 + (i - 160) % 16    (i - 160) / 16
//   240 .. 255   48 + (i - 240) % 4     (i - 240) / 4
//
// The planes layout keeps these bytes. The lanes layout stores digits in two bits, as tq2_0 does. Bytes that
// no quantizer writes must come back too, so a plane that kernels do not read holds which of the bytes with
// the same digits it was: 73 bytes for the file's 54 (2.3 bits a weight).
#include <algorithm>
#include <cmath>

#include "backend/format.hpp"
#include "backend/formats/codes.hpp"
#include "backend/formats/pieces.hpp"
#include "backend/half.hpp"

namespace tuff {
namespace {

constexpr std::uint32_t kBytes = 54;
constexpr int kCodes = 52, kFives = 48, kD = 52;  // bytes of codes, those of five digits; offset of d
constexpr unsigned kPowers[] = {1, 3, 9, 27, 81, 243};

// The byte that has the digit of weight i.
constexpr int byte_of(int i) {
    return i < 160 ? i % 32 : i < 240 ? 32 + (i - 160) % 16 : 48 + (i - 240) % 4;
}

// Digits 0 to 2 of all 256 weights, in their order: those of a run of bytes digit by digit.
void read_digits(const std::byte* block, std::uint8_t* digits) {
    constexpr int kRuns[][3] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};  // first byte, bytes, digits of each
    for (const auto& [first, bytes, count] : kRuns)
        for (int n = 0; n < count; n++)
            for (int b = 0; b < bytes; b++) {
                const auto fraction =
                    static_cast<std::uint8_t>(std::to_integer<unsigned>(block[first + b]) * kPowers[n]);
                *digits++ = static_cast<std::uint8_t>(fraction * 3 >> 8);
            }
}

// Of the bytes that have these digits, as one number in base 3, the smallest.
unsigned first_byte(unsigned digits, unsigned count) {
    return (digits * 256 + kPowers[count] - 1) / kPowers[count];
}

void decode(const std::byte* blocks, std::uint64_t elements, float* values) {
    std::uint8_t digits[256];
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = load_half(blocks + kD);
        read_digits(blocks, digits);
        for (int k = 0; k < 256; k++) values[i + k] = (static_cast<float>(digits[k]) - 1.0f) * d;
    }
}

void magnitude(const std::byte* blocks, std::uint64_t elements, float* magnitudes) {
    std::uint8_t digits[256];
    for (std::uint64_t i = 0; i < elements; i += 256, blocks += kBytes) {
        const float d = std::fabs(load_half(blocks + kD));
        read_digits(blocks, digits);
        for (int k = 0; k < 256; k++) magnitudes[i + k] = (static_cast<float>(digits[k]) + 1.0f) * d;
    }
}

constexpr Plane planes[] = {{256, 52, 1}, {256, 2, 2}};  // codes, d
constexpr auto pieces = std::to_array<Piece>({{0, 0, 0, 0, 0, kCodes, 1}, {kD, 0, 1, 0, 0, 2, 1}});

// Lanes: digits, d, which byte of those with the same digits (a bit for each byte of five, two for each of
// four).
constexpr Plane lane_planes[] = {{32, 8, 1}, {256, 2, 2}, {256, 7, 1}};

void split_lanes(const std::byte* block, std::byte* const* out) {
    std::uint8_t digits[256];
    read_digits(block, digits);
    for (int g = 0; g < 8; g++) {
        codes::Group codes;
        std::copy_n(digits + g * 32, 32, codes.begin());
        codes::pack_pairs(codes, out[0] + g * 8);
    }
    std::memcpy(out[1], block + kD, 2);
    std::memset(out[2], 0, 7);
    for (int b = 0; b < kCodes; b++) {
        const auto byte = std::to_integer<unsigned>(block[b]);
        const unsigned count = b < kFives ? 5 : 4;
        const unsigned rest = byte - first_byte(byte * kPowers[count] >> 8, count);
        if (b < kFives)
            out[2][b / 8] |= std::byte(rest << (b % 8));
        else
            out[2][6] |= std::byte(rest << ((b - kFives) * 2));
    }
}

void join_lanes(const std::byte* const* in, std::byte* block) {
    unsigned digits[kCodes]{};
    for (int g = 0; g < 8; g++) {
        const codes::Group codes = codes::unpack_pairs(in[0] + g * 8);
        for (int k = 0; k < 32; k++) {
            unsigned& all = digits[byte_of(g * 32 + k)];
            all = all * 3 + codes[k];
        }
    }
    for (int b = 0; b < kCodes; b++) {
        const auto rests = std::to_integer<unsigned>(in[2][b / 8]);
        const unsigned rest = b < kFives ? (rests >> (b % 8)) & 1u : (rests >> ((b - kFives) * 2)) & 3u;
        block[b] = std::byte(first_byte(digits[b], b < kFives ? 5 : 4) + rest);
    }
    std::memcpy(block + kD, in[1], 2);
}

void set_scales(std::byte* block, float scale, float /*offset_scale*/) {
    store_half(block + kD, scale);
}

}  // namespace

extern const Format format_tq1_0;
const Format format_tq1_0{"tq1_0",
                          34,
                          256,
                          decode,
                          magnitude,
                          {planes, split_pieces<pieces>, join_pieces<pieces>},
                          {lane_planes, split_lanes, join_lanes},
                          set_scales};

}  // namespace tuff
