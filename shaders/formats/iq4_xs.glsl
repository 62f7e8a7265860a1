// iq4_xs: super-blocks of 256 in 8 groups of 32, value = d * scale * level[code]; 4-bit codes, 6-bit signed scales, f16 d.
#define GROUP_SCALES 1
#include "lib/levels.glsl"

#ifdef LAYOUT_LANES
// Levels, not codes: 8 bits per weight, as in q8_0.
#include "lib/lane_bytes.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { int8_t s[LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 266u)
TILE_OF_3_PLANES(256u, 8u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { byte_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    d[0] = LANE_FLOAT16(super.d, 0) * LANE_INT8(at.s, 0);
}
#endif

#ifdef LAYOUT_PLANES
// headers: as in the file: d, 8 pairs of high bits, 8 nibbles
ROW_OF_2_PLANES(codes, groups * 16u, headers, round_up_16(groups))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], at = (g >> 3) * 2u, j = g & 7u;
    uint supers = Words(r.headers).v[at], lows = Words(r.headers).v[at + 1u];
    uint scale = ((lows >> (j * 4u)) & 15u) | (((supers >> (16u + j * 2u)) & 3u) << 4);
    float d = widen_half(supers & 65535u) * (float(scale) - 32.0);
    low = levels(LEVELS_NL, q) * d;
    high = levels(LEVELS_NL, q >> 4) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 136u);
    uint j = g & 7u, q = block_u32(block, 8u + j * 16u + s * 4u), supers = block_u32(block, 0u);
    uint scale = ((block_u32(block, 4u) >> (j * 4u)) & 15u) | (((supers >> (16u + j * 2u)) & 3u) << 4);
    float d = widen_half(supers & 65535u) * (float(scale) - 32.0);
    low = levels(LEVELS_NL, q) * d;
    high = levels(LEVELS_NL, q >> 4) * d;
}
#endif
