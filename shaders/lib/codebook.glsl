// The codebook of an IQ format: a table of at most 4 KiB in a buffer of its own (backend/codebook_address.hpp), because drivers
// that turn arrays of constants into stores take seconds to compile one. A kernel tells codebook_open() its address before the first
// slice(); lib/rows.glsl gives formats without a codebook an empty one.
#define CODEBOOK
uvec2 codebook;
void codebook_open(uvec2 address) { codebook = address; }

// Entry `index`: 16 bits, two (IQ1, IQ2) or four (IQ3) for each element.
uint codebook_entry(uint index) { return (Words(codebook).v[index >> 1u] >> ((index & 1u) * 16u)) & 65535u; }

// The codes of elements 4h..4h+3 of an entry of eight, and those of an entry of four.
vec4 codes_of_eight(uint entry, uint h) {
    uint e = entry >> (h * 8u);
    return vec4(e & 3u, (e >> 2) & 3u, (e >> 4) & 3u, (e >> 6) & 3u);
}
vec4 codes_of_four(uint entry) { return vec4(entry & 15u, (entry >> 4) & 15u, (entry >> 8) & 15u, entry >> 12); }

// Factors 1 or -1 by the four lowest bits.
vec4 signs(uint bits) { return 1.0 - 2.0 * vec4(bits & 1u, (bits >> 1) & 1u, (bits >> 2) & 1u, (bits >> 3) & 1u); }
// Eight signs of which seven are stored: their number is even.
uint signs_of_seven(uint seven) { return seven | ((uint(bitCount(seven)) & 1u) << 7); }

// Levels by code.
vec4 levels_iq2(vec4 code) { return 8.0 + 17.0 * code + max(code - 1.0, 0.0); }             // 8, 25, 43
vec4 levels_iq3_xxs(vec4 code) { return 4.0 + 8.0 * code + max(code - 6.0, 0.0) * 2.0; }    // 4, 12, .. 52, 62
vec4 levels_iq3_s(vec4 code) { return 1.0 + 2.0 * code; }                                   // 1, 3, .. 15
vec4 levels_iq1(vec4 code, bool negative) { return code - (negative ? 1.125 : 0.875); }     // -1, 0, 1 shifted by 1/8
