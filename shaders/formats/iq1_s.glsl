// iq1_s: super-blocks of 256; of each 8 weights 11 bits of codebook index, of each 32 a scale of 3 bits and the sign of a shift;
// value = d * (2 * scale + 1) * (level +- 1/8), levels -1, 0, 1, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define TILE_BYTES(groups) ((groups) * 74u)
#include "lib/lane_pairs.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { int8_t s[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
// scales: 2 * scale + 1, with the sign of the shift
TILE_OF_3_PLANES(64u, 8u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { pair_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float s = LANE_INT8(at.s, 0), half_d = LANE_FLOAT16(super.d, 0);
    d[0] = half_d * abs(s);
    m[0] = half_d * (s * 0.125 - abs(s));
}
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
ROW_OF_3_PLANES(codes, groups * 4u, words, groups * 2u, supers, round_up_16(groups >> 2))
void fields(Row r, uint g, out uint indices, out uint word, out float d) {
    indices = Words(r.codes).v[g];
    word = (Words(r.words).v[g >> 1] >> ((g & 1u) * 16u)) & 65535u;
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, out uint indices, out uint word, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 50u);
    indices = block_u32(block, 2u + (g & 7u) * 4u);
    word = block_u16(block, 34u + (g & 7u) * 2u);
    d = block_half(block, 0u);
}
#endif

vec4 four(uint indices, uint word, uint k, uint h) {
    uint index = ((indices >> (k * 8u)) & 255u) | (((word >> (k * 3u)) & 7u) << 8);
    return levels_iq1(codes_of_eight(codebook_entry(index), h), (word & 0x8000u) != 0u);
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint indices, word;
    float d;
    fields(r, g, indices, word, d);
    float scale = d * float(2u * ((word >> 12) & 7u) + 1u);
    low = scale * four(indices, word, s >> 1, s & 1u);
    high = scale * four(indices, word, 2u + (s >> 1), s & 1u);
}
#endif
