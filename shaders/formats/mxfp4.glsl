// mxfp4: blocks of 32, value = level[code] * 2^(e - 128), 4-bit codes, 8-bit e.
#define GROUP_SCALES 1
#include "lib/levels.glsl"

#ifdef LAYOUT_LANES
// Levels, not codes. Scales are taken four times as large, so that none is subnormal, and codes a quarter, never the other way
// round (backend/formats/mxfp4.cpp).
#define LANE_CODES 2
float marked_unit(uint l) { return l == 0 ? 1.0 / 4 : 1.0 / 2048; }
float code_unit(uint l) { return FACTORED ? marked_unit(l) : 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer Scales { uint8_t e[LANES]; };
struct Tile {
    MarkedLevels levels;
    Scales scales;
};
#define TILE_BYTES(groups) ((groups) * 256u + (((groups) * 8u + 15u) & ~15u))
Tile tile_open(uvec2 base, uint groups) { return Tile(MarkedLevels(base), Scales(advance(base, groups * 256u))); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    lane_marked_levels(t.levels, g, j, c[0], c[1]);
    [[unroll]] for (uint l = 0; l < 2; l++) c[l] = FACTORED ? c[l] : c[l] * marked_unit(l);
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    d[0] = uintBitsToFloat((min(LANE_UINT8(at.e, 0), 253u) + 1u) << 23);
}
#endif

#ifndef LAYOUT_LANES
// levels * 2^(e - 128); the smallest by their bits, because arithmetic may take subnormal numbers for zero.
vec4 mxfp4_values(vec4 levels, uint e) {
    if (e >= 2u) return levels * uintBitsToFloat((e - 1u) << 23);
    vec4 magnitudes = abs(levels) * float(e + 1u);
    uvec4 bits = mix(floatBitsToUint(magnitudes) - (128u << 23), uvec4(magnitudes) << 21, lessThan(magnitudes, vec4(4)));
    return uintBitsToFloat(bits | (floatBitsToUint(levels) & 0x80000000u));
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, groups * 16u, scales, round_up_16(groups))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], e = byte_at(Words(r.scales), g);
    low = mxfp4_values(levels(LEVELS_FP4, q), e);
    high = mxfp4_values(levels(LEVELS_FP4, q >> 4), e);
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, g * 17u);
    uint q = block_u32(block, 1u + s * 4u), e = block_u8(block, 0u);
    low = mxfp4_values(levels(LEVELS_FP4, q), e);
    high = mxfp4_values(levels(LEVELS_FP4, q >> 4), e);
}
#endif
