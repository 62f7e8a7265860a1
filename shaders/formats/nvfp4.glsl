// nvfp4: blocks of 64 in 4 groups of 16, value = level[code] * scale / 2, 4-bit codes, UE4M3 scales.
#define GROUP_SCALES 2
#include "lib/levels.glsl"

// A UE4M3 number without bit 7 is a half without its sign and three bits of its exponent, times 256. 0x7f is 0.
#define UE4M3_HALF(byte) ((byte) == 127u ? 0u : ((byte) & 127u) << 7)

#ifdef LAYOUT_LANES
// Levels, not codes.
#define LANE_CODES 2
float code_unit(uint l) { return l == 0 ? 1.0 : 1.0 / 512; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { uint8_t s[2 * LANES]; };
struct Tile {
    MarkedLevels levels;
    Scales scales;
};
#define TILE_BYTES(groups) ((groups) * 272u)
Tile tile_open(uvec2 base, uint groups) { return Tile(MarkedLevels(base), Scales(advance(base, groups * 256u))); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) { lane_marked_levels(t.levels, g, j, c[0], c[1]); }
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    [[unroll]] for (uint h = 0; h < 2; h++) {
        uint s = LANE_UINT8(at.s, h);
        d[h] = float(uint16BitsToHalf(uint16_t(UE4M3_HALF(s)))) * 128.0;
    }
}
#endif

#ifdef LAYOUT_PLANES
ROW_OF_2_PLANES(codes, groups * 16u, scales, round_up_16(groups * 2u))
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], scales = Words(r.scales).v[g >> 1] >> ((g & 1u) * 16u);
    low = levels(LEVELS_FP4, q) * (widen_half(UE4M3_HALF(scales & 255u)) * 128.0);
    high = levels(LEVELS_FP4, q >> 4) * (widen_half(UE4M3_HALF((scales >> 8) & 255u)) * 128.0);
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 1) * 36u);
    // Runs of 16 elements: 8 bytes of low, then of high nibbles.
    uint run = (g & 1u) * 2u, at = 4u + run * 8u + (s & 1u) * 4u, shift = (s >> 1) * 4u, scales = block_u16(block, run);
    low = levels(LEVELS_FP4, block_u32(block, at) >> shift) * (widen_half(UE4M3_HALF(scales & 255u)) * 128.0);
    high = levels(LEVELS_FP4, block_u32(block, at + 8u) >> shift) * (widen_half(UE4M3_HALF(scales >> 8)) * 128.0);
}
#endif
