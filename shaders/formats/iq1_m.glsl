// iq1_m: super-blocks of 256; of each 8 weights 11 bits of codebook index and the sign of a shift, of each 16 a scale of 3 bits;
// value = d * (2 * scale + 1) * (level +- 1/8), levels -1, 0, 1, f16 d.
#define GROUP_SCALES 2

#ifdef LAYOUT_LANES
#define LEVELS -0.875, 0.125, 1.125, 0.0, -1.125, -0.125, 0.875, 0.0
#define SCALE_UNIT 2.0
#include "lib/lane_levels.glsl"
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
// scales: per block: four words of 16 bits, as in the file
ROW_OF_3_PLANES(codes, groups * 4u, nibbles, groups * 2u, scales, round_up_16(groups))
void fields(Row r, uint g, out uint indices, out uint nibbles, out uvec2 words) {
    indices = Words(r.codes).v[g];
    nibbles = (Words(r.nibbles).v[g >> 1] >> ((g & 1u) * 16u)) & 65535u;
    uint at = (g >> 3) * 2u;
    words = uvec2(Words(r.scales).v[at], Words(r.scales).v[at + 1u]);
}
#else
void fields(Row r, uint g, out uint indices, out uint nibbles, out uvec2 words) {
    uvec2 block = advance(r.base, (g >> 3) * 56u);
    indices = block_u32(block, (g & 7u) * 4u);
    nibbles = block_u16(block, 32u + (g & 7u) * 2u);
    words = uvec2(block_u32(block, 48u), block_u32(block, 52u));
}
#endif

vec4 four(uint indices, uint nibbles, uint k, uint h) {
    uint nibble = nibbles >> (k * 4u);
    uint index = ((indices >> (k * 8u)) & 255u) | ((nibble & 7u) << 8);
    return levels_iq1(codes_of_eight(codebook_entry(index), h), (nibble & 8u) != 0u);
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint indices, nibbles;
    uvec2 words;
    fields(r, g, indices, nibbles, words);
    // d is in the upper four bits of the four words of 16 bits; the scales of group g in six bits of word (g & 7) / 2.
    float d = widen_half(((words.x >> 12) & 15u) | ((words.x >> 24) & 240u) | ((words.y >> 4) & 0xf00u) | ((words.y >> 16) & 0xf000u));
    uint scales = ((g & 4u) == 0u ? words.x : words.y) >> ((g & 2u) * 8u + (g & 1u) * 6u);
    low = d * float(2u * (scales & 7u) + 1u) * four(indices, nibbles, s >> 1, s & 1u);
    high = d * float(2u * ((scales >> 3) & 7u) + 1u) * four(indices, nibbles, 2u + (s >> 1), s & 1u);
}
#endif
