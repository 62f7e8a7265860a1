// tq2_0: blocks of 256, value = d * (code - 1), codes of 2 bits (3 is not used, but decodes alike), f16 d.
#define GROUP_SCALES 1

#ifdef LAYOUT_LANES
#define TILE_BYTES(groups) ((groups) * 66u)
#include "lib/lane_pairs.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
TILE_OF_2_PLANES(64u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { pair_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + (g >> 3);
    d[0] = LANE_FLOAT16(at.d, 0);
    m[0] = -d[0];
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, groups * 8u, scales, round_up_16(groups >> 2))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 2u + (s & 1u)] >> ((s & 2u));
    float d = half_at(Words(r.scales), g >> 3);
    low = (unsigned_bytes(q & 0x03030303u) - 1.0) * d;
    high = (unsigned_bytes((q >> 4) & 0x03030303u) - 1.0) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 66u);
    uint at = (g & 4u) * 8u + s * 4u, shift = (g & 3u) * 2u;
    float d = block_half(block, 64u);
    low = (unsigned_bytes((block_u32(block, at) >> shift) & 0x03030303u) - 1.0) * d;
    high = (unsigned_bytes((block_u32(block, at + 16u) >> shift) & 0x03030303u) - 1.0) * d;
}
#endif
