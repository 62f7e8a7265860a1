// f16: IEEE binary16.
#define GROUP_SCALES 0

#ifdef LAYOUT_LANES
#define LANE_CODES 1
float code_unit(uint l) { return 1.0; }
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { float16_t q[32 * LANES]; };
struct Tile {
    Codes codes;
};
#define TILE_BYTES(groups) ((groups) * 512u)
Tile tile_open(uvec2 base, uint groups) { return Tile(Codes(base)); }

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    c[0] = LANE_FLOAT16(at.q, j);
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
    low = vec4(widen_half(a & 65535u), widen_half(a >> 16), widen_half(b & 65535u), widen_half(b >> 16));
    high = vec4(widen_half(c & 65535u), widen_half(c >> 16), widen_half(d & 65535u), widen_half(d >> 16));
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint at = (g * 32u + s * 4u) * 2u;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        low[i] = at + i * 2u < r.bytes ? block_half(r.base, at + i * 2u) : 0.0;
        high[i] = at + 32u + i * 2u < r.bytes ? block_half(r.base, at + 32u + i * 2u) : 0.0;
    }
}
#endif
