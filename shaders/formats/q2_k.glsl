// q2_k: super-blocks of 256 in 16 groups of 16, value = d * scale * code - dmin * min; 2-bit codes, 4-bit scales and mins, f16 d and dmin.
#define GROUP_SCALES 2

#ifdef LAYOUT_LANES
#include "lib/lane_pairs.glsl"
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { uint8_t s[2 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Supers { float16_t d[LANES]; float16_t m[LANES]; };
#define TILE_BYTES(groups) ((groups) * 84u)
TILE_OF_3_PLANES(64u, 16u)

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { pair_codes(t.codes + g, j, c); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    Supers super = t.supers + (g >> 3);
    float scale = LANE_FLOAT16(super.d, 0), minimum = -LANE_FLOAT16(super.m, 0);
    [[unroll]] for (uint h = 0; h < 2; h++) {
        uint s = LANE_UINT8(at.s, h);
        d[h] = scale * float(int(s & 15u));
        m[h] = minimum * float(int(s >> 4));
    }
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_3_PLANES(codes, groups * 8u, scales, groups * 2u, supers, round_up_16(groups >> 1))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    // Byte j of a group holds elements j, j + 8, j + 16, j + 24.
    uint q = Words(r.codes).v[g * 2u + (s & 1u)] >> (s & 2u);
    uint scales = Words(r.scales).v[g >> 1] >> ((g & 1u) * 16u), supers = Words(r.supers).v[g >> 3];
    float d = widen_half(supers & 65535u), m = widen_half(supers >> 16);
    low = unsigned_bytes(q & 0x03030303u) * (d * float(scales & 15u)) - m * float((scales >> 4) & 15u);
    high = unsigned_bytes((q >> 4) & 0x03030303u) * (d * float((scales >> 8) & 15u)) - m * float((scales >> 12) & 15u);
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 84u);
    uint j = g & 7u, at = 16u + (j >> 2) * 32u + s * 4u, shift = (j & 3u) * 2u;
    uint a = (block_u32(block, at) >> shift) & 0x03030303u, b = (block_u32(block, at + 16u) >> shift) & 0x03030303u;
    uint scales = block_u16(block, j * 2u), supers = block_u32(block, 80u);
    float d = widen_half(supers & 65535u), m = widen_half(supers >> 16);
    low = unsigned_bytes(a) * (d * float(scales & 15u)) - m * float((scales >> 4) & 15u);
    high = unsigned_bytes(b) * (d * float((scales >> 8) & 15u)) - m * float(scales >> 12);
}
#endif
