// q5_0: blocks of 32, value = d * (code - 16), 5-bit codes, f16 d.
#define GROUP_SCALES 1
#define GROUP_OFFSET 1
#include "lib/bits.glsl"
#include "lib/five_bits.glsl"

#ifdef LAYOUT_LANES
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
#define TILE_BYTES(groups) ((groups) * 176u)
TILE_OF_2_PLANES(160u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { lane_five_bits(t.codes, g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    d[0] = LANE_FLOAT16(at.d, 0);
    m[0] = -16.0 * d[0];
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_3_PLANES(codes, groups * 16u, fifths, round_up_16(groups * 4u), scales, round_up_16(groups * 2u))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], fifths = Words(r.fifths).v[g];
    float d = half_at(Words(r.scales), g);
    low = (unsigned_bytes((q & 0x0f0f0f0fu) | low_bits(fifths, s) << 4) - 16.0) * d;
    high = (unsigned_bytes(((q >> 4) & 0x0f0f0f0fu) | high_bits(fifths, s) << 4) - 16.0) * d;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, g * 22u);
    uint q = block_u32(block, 6u + s * 4u), fifths = block_u32(block, 2u) >> (s * 4u);
    float d = block_half(block, 0u);
    low = (unsigned_bytes((q & 0x0f0f0f0fu) | bits_to_bytes(fifths) << 4) - 16.0) * d;
    high = (unsigned_bytes(((q >> 4) & 0x0f0f0f0fu) | bits_to_bytes(fifths >> 16) << 4) - 16.0) * d;
}
#endif
