// iq2_xxs: super-blocks of 256; of 32 weights four codebook indices of 8 bits, four times 7 signs and 4 bits of scale;
// value = d * (0.5 + scale) / 4 * level * sign, levels 8, 25, 43, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define LEVELS 8.0, 25.0, 43.0, 0.0, -8.0, -25.0, -43.0, 0.0
#define SCALE_UNIT 0.25
#include "lib/lane_levels.glsl"
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
// codes, per group as in the file: four indices; signs and scale
ROW_OF_2_PLANES(codes, groups * 8u, supers, round_up_16(groups >> 2))
void fields(Row r, uint g, out uint indices, out uint word, out float d) {
    indices = Words(r.codes).v[g * 2u];
    word = Words(r.codes).v[g * 2u + 1u];
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, out uint indices, out uint word, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 66u);
    indices = block_u32(block, 2u + (g & 7u) * 8u);
    word = block_u32(block, 6u + (g & 7u) * 8u);
    d = block_half(block, 0u);
}
#endif

vec4 four(uint indices, uint word, uint k, uint h) {
    vec4 level = levels_iq2(codes_of_eight(codebook_entry((indices >> (k * 8u)) & 255u), h));
    return level * signs(signs_of_seven((word >> (k * 7u)) & 127u) >> (h * 4u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint indices, word;
    float d;
    fields(r, g, indices, word, d);
    float scale = d * (0.5 + float(word >> 28)) * 0.25;
    low = scale * four(indices, word, s >> 1, s & 1u);
    high = scale * four(indices, word, 2u + (s >> 1), s & 1u);
}
#endif
