// f32: IEEE binary32.
#define GROUP_SCALES 0

#ifdef LAYOUT_LANES
#define LANE_CODES 1
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { float q[32 * LANES]; };
struct Tile {
    Codes codes;
};
#define TILE_BYTES(groups) ((groups) * 1024u)
Tile tile_open(uvec2 base, uint groups) { return Tile(Codes(base)); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    c[0] = LANE_FLOAT(at.q, j);
}
#endif

#ifdef LAYOUT_PLANES
struct Row {
    uvec2 codes;
};
Row row_open(uvec2 base, uint rows, uint row, uint groups) { return Row(advance(base, row, groups * 128u)); }
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint at = g * 32u + s * 4u;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        low[i] = uintBitsToFloat(Words(r.codes).v[at + i]);
        high[i] = uintBitsToFloat(Words(r.codes).v[at + 16u + i]);
    }
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint at = (g * 32u + s * 4u) * 4u;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        low[i] = at + i * 4u < r.bytes ? uintBitsToFloat(block_u32(r.base, at + i * 4u)) : 0.0;
        high[i] = at + 64u + i * 4u < r.bytes ? uintBitsToFloat(block_u32(r.base, at + 64u + i * 4u)) : 0.0;
    }
}
#endif
