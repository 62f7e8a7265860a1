// iq4_nl: blocks of 32, value = d * level[code], 4-bit codes, f16 d.
#define GROUP_SCALES 1
#include "lib/levels.glsl"

#ifdef LAYOUT_LANES
// Levels, not codes: 8 bits per weight, as in q8_0.
#include "lib/lane_bytes.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 272u)
TILE_OF_2_PLANES(256u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { byte_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    d[0] = LANE_FLOAT16(at.d, 0);
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, groups * 16u, scales, round_up_16(groups * 2u))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s];
    float d = half_at(Words(r.scales), g);
    low = levels(LEVELS_NL, q) * d;
    high = levels(LEVELS_NL, q >> 4) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, g * 18u);
    uint q = block_u32(block, 2u + s * 4u);
    float d = block_half(block, 0u);
    low = levels(LEVELS_NL, q) * d;
    high = levels(LEVELS_NL, q >> 4) * d;
}
#endif
