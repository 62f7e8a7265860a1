// iq4_nl: blocks of 32, value = d * level[code], 4-bit codes, f16 d.
#define GROUP_SCALES 1
#include "lib/levels.glsl"

#ifdef LAYOUT_LANES
// Levels, not codes: 8 bits per weight, as in q8_0.
#define LANE_CODES 1
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Levels { int8_t q[32 * LANES]; };
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Scales { float16_t d[LANES]; };
struct Tile {
    Levels levels;
    Scales scales;
};
#define TILE_BYTES(groups) ((groups) * 272u)
Tile tile_open(uvec2 base, uint groups) { return Tile(Levels(base), Scales(advance(base, groups * 256u))); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Levels at = t.levels + g;
    c[0] = LANE_INT8(at.q, j);
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    Scales at = t.scales + g;
    d[0] = LANE_FLOAT16(at.d, 0);
}
#endif

#ifdef LAYOUT_PLANES
struct Row {
    uvec2 codes;
    uvec2 scales;
};
Row row_open(uvec2 base, uint rows, uint row, uint groups) {
    uint codes = groups * 16u, scales = round_up_16(groups * 2u);
    return Row(advance(base, row, codes), advance(advance(base, rows, codes), row, scales));
}
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
