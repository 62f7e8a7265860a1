// bf16: the upper half of an IEEE binary32.
#define GROUP_SCALES 0

#ifdef LAYOUT_LANES
#define LANE_CODES 1
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint16_t q[32 * LANES]; };
struct Tile {
    Codes codes;
};
#define TILE_BYTES(groups) ((groups) * 512u)
Tile tile_open(uvec2 base, uint groups) { return Tile(Codes(base)); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    c[0] = uintBitsToFloat(uint(LANE_LOAD(at.q, j)) << 16);
}
#endif

#ifdef LAYOUT_PLANES
struct Row {
    uvec2 codes;
};
Row row_open(uvec2 base, uint rows, uint row, uint groups) { return Row(advance(base, row, groups * 64u)); }
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint at = g * 16u + s * 2u;
    uint a = Words(r.codes).v[at], b = Words(r.codes).v[at + 1u], c = Words(r.codes).v[at + 8u], d = Words(r.codes).v[at + 9u];
    low = uintBitsToFloat(uvec4(a << 16, a & 0xffff0000u, b << 16, b & 0xffff0000u));
    high = uintBitsToFloat(uvec4(c << 16, c & 0xffff0000u, d << 16, d & 0xffff0000u));
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint at = (g * 32u + s * 4u) * 2u;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        low[i] = at + i * 2u < r.bytes ? uintBitsToFloat(block_u16(r.base, at + i * 2u) << 16) : 0.0;
        high[i] = at + 32u + i * 2u < r.bytes ? uintBitsToFloat(block_u16(r.base, at + 32u + i * 2u) << 16) : 0.0;
    }
}
#endif
