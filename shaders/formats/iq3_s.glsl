// iq3_s: super-blocks of 256; of each 4 weights 9 bits of codebook index, of each weight a sign, of each 32 a scale of 4 bits;
// value = d * (1 + 2 * scale) * level * sign, levels 1, 3, .. 15, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
// Signed levels are 2n - 15; n is a nibble, as in q4_0.
#define GROUP_OFFSET 1
#include "lib/lane_nibbles.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { uint8_t s[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 138u)
TILE_OF_3_PLANES(128u, 8u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { nibble_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float scale = LANE_FLOAT16(super.d, 0) * (float(int(LANE_UINT8(at.s, 0))) * 2.0 + 1.0);
    d[0] = 2.0 * scale;
    m[0] = -15.0 * scale;
}
#else
#include "lib/codebook.glsl"

#ifdef LAYOUT_PLANES
// codes, per group: low bytes of eight indices, four bytes of signs
// highs, per block: eight bytes of high bits, eight scales of 4 bits
ROW_OF_3_PLANES(codes, groups * 12u, highs, round_up_16((groups >> 3) * 12u), supers, round_up_16(groups >> 2))
void fields(Row r, uint g, out uvec2 indices, out uint minus, out uint highs, out uint scale, out float d) {
    uint at = g * 3u, block = (g >> 3) * 12u, j = g & 7u;
    indices = uvec2(Words(r.codes).v[at], Words(r.codes).v[at + 1u]);
    minus = Words(r.codes).v[at + 2u];
    highs = byte_at(Words(r.highs), block + j);
    scale = byte_at(Words(r.highs), block + 8u + (j >> 1)) >> ((j & 1u) * 4u);
    d = half_at(Words(r.supers), g >> 3);
}
#else
void fields(Row r, uint g, out uvec2 indices, out uint minus, out uint highs, out uint scale, out float d) {
    uvec2 block = advance(r.base, (g >> 3) * 110u);
    uint j = g & 7u;
    indices = uvec2(block_u32(block, 2u + j * 8u), block_u32(block, 6u + j * 8u));
    minus = block_u32(block, 74u + j * 4u);
    highs = block_u8(block, 66u + j);
    scale = block_u8(block, 106u + (j >> 1)) >> ((j & 1u) * 4u);
    d = block_half(block, 0u);
}
#endif

vec4 four(uint indices, uint high, uint s) {
    return levels_iq3_s(codes_of_four(codebook_entry(((indices >> (s * 8u)) & 255u) | (high & 1u) << 8)));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 indices;
    uint minus, highs, c;
    float d;
    fields(r, g, indices, minus, highs, c, d);
    float scale = d * (1.0 + 2.0 * float(c & 15u));
    low = scale * four(indices.x, highs >> s, s) * signs(minus >> (s * 4u));
    high = scale * four(indices.y, highs >> (4u + s), s) * signs(minus >> (16u + s * 4u));
}
#endif
