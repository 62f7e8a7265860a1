// q4_k: super-blocks of 256 in 8 groups of 32, value = d * scale * code - dmin * min; 4-bit codes, 6-bit scales and mins, f16 d and dmin.
#define GROUP_SCALES 1
#define GROUP_OFFSET 1
#include "lib/k_scales.glsl"

#ifdef LAYOUT_LANES
#define LANE_CODES 2
float code_unit(uint l) { return l == 0 ? 1.0 : 1.0 / 16; }  // high nibbles stay where they are: no shift
layout(buffer_reference, scalar, buffer_reference_align = 16) readonly buffer Codes { uint8_t q[16 * LANES]; };
struct Tile {
    Codes codes;
    Scales scales;
    Supers supers;
};
#define TILE_BYTES(groups) ((groups) * 148u)
Tile tile_open(uvec2 base, uint groups) {
    return Tile(Codes(base), Scales(advance(base, groups * 128u)), Supers(advance(base, groups * 144u)));
}

void lane_codes(Tile t, uint g, uint j, out float c[LANE_CODES]) {
    Codes at = t.codes + g;
    uint q = LANE_UINT8(at.q, j);
    c[0] = float(int(q & 15u));
    c[1] = float(int(q & 240u));
}
void lane_scales(Tile t, uint g, out float d[GROUP_SCALES], out float m[GROUP_SCALES]) {
    lane_k_scales(t.scales, t.supers, g, d[0], m[0]);
}
#endif

#ifdef LAYOUT_PLANES
struct Row {
    uvec2 codes;
    uvec2 headers;  // as in the file: d, dmin, 12 bytes of packed scales and mins
};
Row row_open(uvec2 base, uint rows, uint row, uint groups) {
    return Row(advance(base, row, groups * 16u),
               advance(advance(base, rows, groups * 16u), row, groups * 2u));
}
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uint q = Words(r.codes).v[g * 4u + s], at = (g >> 3) * 4u;
    uvec4 header = uvec4(Words(r.headers).v[at], Words(r.headers).v[at + 1u], Words(r.headers).v[at + 2u], Words(r.headers).v[at + 3u]);
    float d, m;
    k_scales(header, g & 7u, d, m);
    low = unsigned_bytes(q & 0x0f0f0f0fu) * d - m;
    high = unsigned_bytes((q >> 4) & 0x0f0f0f0fu) * d - m;
}
#endif

#ifdef LAYOUT_BLOCKS
void slice(Row r, uint g, uint s, out vec4 low, out vec4 high) {
    uvec2 block = advance(r.base, (g >> 3) * 144u);
    uint j = g & 7u, at = 16u + (j >> 1) * 32u + s * 4u, shift = (j & 1u) * 4u;
    uint a = (block_u32(block, at) >> shift) & 0x0f0f0f0fu, b = (block_u32(block, at + 16u) >> shift) & 0x0f0f0f0fu;
    float d, m;
    k_scales(block_words(block), j, d, m);
    low = unsigned_bytes(a) * d - m;
    high = unsigned_bytes(b) * d - m;
}
#endif
