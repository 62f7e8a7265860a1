// q2_0: blocks of 64, value = d * (code - 1), codes of 2 bits, f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define TILE_BYTES(groups) ((groups) * 72u)
#include "lib/lane_pairs.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
TILE_OF_2_PLANES(64u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { pair_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + (g >> 1);
    d[0] = LANE_FLOAT16(at.d, 0);
    m[0] = -d[0];
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, round_up_16(groups * 8u), scales, round_up_16(groups))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 2u + (s & 1u)] >> ((s & 2u));
    float d = half_at(Words(r.scales), g >> 1);
    low = (unsigned_bytes(q & 0x03030303u) - 1.0) * d;
    high = (unsigned_bytes((q >> 4) & 0x03030303u) - 1.0) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 1) * 18u);
    uint at = 2u + (g & 1u) * 8u + s, a = block_u8(block, at), b = block_u8(block, at + 4u);
    float d = block_half(block, 0u);
    low = (vec4(a & 3u, (a >> 2) & 3u, (a >> 4) & 3u, a >> 6) - 1.0) * d;
    high = (vec4(b & 3u, (b >> 2) & 3u, (b >> 4) & 3u, b >> 6) - 1.0) * d;
}
#endif
