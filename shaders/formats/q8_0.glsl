// q8_0: blocks of 32, value = d * code, int8 codes, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
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
ROW_OF_2_PLANES(codes, groups * 32u, scales, round_up_16(groups * 2u))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    float d = half_at(Words(r.scales), g);
    low = signed_bytes(Words(r.codes).v[g * 8u + s]) * d;
    high = signed_bytes(Words(r.codes).v[g * 8u + 4u + s]) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, g * 34u);
    float d = block_half(block, 0u);
    low = signed_bytes(block_u32(block, 2u + s * 4u)) * d;
    high = signed_bytes(block_u32(block, 18u + s * 4u)) * d;
}
#endif
