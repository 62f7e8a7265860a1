// iq3_xxs: super-blocks of 256; of 32 weights eight codebook indices of 8 bits, four times 7 signs and 4 bits of scale;
// value = d * (0.5 + scale) / 2 * level * sign, levels 4, 12, .. 52, 62, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#extension GL_KHR_shader_subgroup_shuffle : require
#define LANE_CODES 4
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint q[4 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { uint8_t s[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 138u)
TILE_OF_3_PLANES(128u, 8u)

// Nibble j of a word: a level, which lane `code` holds (see lib/lane_levels.glsl), and above it a sign. A select takes
// 0.4 of the time that flipping the sign bit does (lavapipe 26.1).
float nibble(uint word, uint j) {
    float level = subgroupShuffle(lane_select(4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0), (word >> (j * 4u)) & 7u);
    return int(word << (28u - j * 4u)) < 0 ? -level : level;
}
void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    [[unroll]] for (uint l = 0; l < LANE_CODES; l++) c[l] = nibble(LANE_LOAD(at.q, l), j);
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    d[0] = LANE_FLOAT16(super.d, 0) * 0.5 * (float(int(LANE_UINT8(at.s, 0))) + 0.5);
}
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
// codes, per group: eight indices; signs and scale
ROW_OF_2_PLANES(codes, groups * 12u, supers, round_up_16(groups >> 2))
void fields(Row r, uint g, out uvec2 indices, out uint word, out float d) {
    uint at = g * 3u;
    indices = uvec2(Words(r.codes).v[at], Words(r.codes).v[at + 1u]);
    word = Words(r.codes).v[at + 2u];
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, out uvec2 indices, out uint word, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 98u);
    uint j = g & 7u;
    indices = uvec2(block_u32(block, 2u + j * 8u), block_u32(block, 6u + j * 8u));
    word = block_u32(block, 66u + j * 4u);
    d = block_half(block, 0u);
}
#endif

vec4 four(uint indices, uint word, uint s, uint k) {
    vec4 level = levels_iq3_xxs(codes_of_four(codebook_entry((indices >> (s * 8u)) & 255u)));
    return level * signs(signs_of_seven((word >> (k * 7u)) & 127u) >> ((s & 1u) * 4u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 indices;
    uint word;
    float d;
    fields(r, g, indices, word, d);
    float scale = d * (0.5 + float(word >> 28)) * 0.5;
    low = scale * four(indices.x, word, s, s >> 1);
    high = scale * four(indices.y, word, s, 2u + (s >> 1));
}
#endif
