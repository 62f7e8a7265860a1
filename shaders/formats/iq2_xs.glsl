// iq2_xs: super-blocks of 256; of each 8 weights 9 bits of codebook index and 7 signs, of each 16 a scale of 4 bits;
// value = d * (0.5 + scale) / 4 * level * sign, levels 8, 25, 43, f16 d.
#define GROUP_SCALES 2

#ifdef LAYOUT_LANES
#define LEVELS 8.0, 25.0, 43.0, 0.0, -8.0, -25.0, -43.0, 0.0
#define SCALE_UNIT 0.25
#include "lib/lane_levels.glsl"
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
ROW_OF_3_PLANES(codes, groups * 8u, scales, round_up_16(groups), supers, round_up_16(groups >> 2))
void fields(Row r, uint g, uint k, out uvec2 words, out uint scales, out float d) {
    words = uvec2(Words(r.codes).v[g * 2u], Words(r.codes).v[g * 2u + 1u]) >> (k * 16u);
    scales = byte_at(Words(r.scales), g);
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, uint k, out uvec2 words, out uint scales, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 74u);
    uint at = 2u + (g & 7u) * 8u + k * 2u;
    words = uvec2(block_u16(block, at), block_u16(block, at + 4u));
    scales = block_u8(block, 66u + (g & 7u));
    d = block_half(block, 0u);
}
#endif

vec4 four(uint word, uint h) {
    return levels_iq2(codes_of_eight(codebook_entry(word & 511u), h)) * signs(signs_of_seven((word >> 9) & 127u) >> (h * 4u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 words;
    uint scales;
    float d;
    fields(r, g, s >> 1, words, scales, d);
    low = d * (0.5 + float(scales & 15u)) * 0.25 * four(words.x, s & 1u);
    high = d * (0.5 + float(scales >> 4)) * 0.25 * four(words.y, s & 1u);
}
#endif
